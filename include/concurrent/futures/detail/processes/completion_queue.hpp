// SPDX-License-Identifier: MIT
//
// completion_queue.hpp: how the tasks of a process pool end, see completions.hpp; with its statistics, and the large calls
// and results in shared memory, which are freed when the task ends.
//
//     completions.end(task, Ending::Kind::result);        // with the mutex
//     completions.deliver_all(on_start_failure);          // manager thread, without the mutex: user code runs here
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/processes/task_observer.hpp"
#include "concurrent/futures/detail/serialization/byte_buffer.hpp"
#include "concurrent/futures/detail/serialization/codecs.hpp"
#include "concurrent/futures/detail/state/unhandled.hpp"
#include "concurrent/futures/detail/state/without_memory.hpp"
#include "concurrent/futures/detail/wire/completions.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Something that a worker said, or failed to do, of which no task is told.
struct WorkerNotice {
    enum class Kind : std::uint8_t { start_failed, exit_failed } kind;
    ByteBuffer body{};           // start_failed: an exception
    int pid = 0;                 // start_failed: of that worker
    std::exception_ptr error{};  // exit_failed
};

class CompletionQueue : public Completions<WorkerNotice> {
  public:
    using Notice = WorkerNotice;
    struct Counts {
        std::size_t completed = 0, failed = 0, cancelled = 0;
    };

    /// `rule`: of the pool's mutex. Throws std::bad_alloc.
    CompletionQueue(const LockRule& rule, TaskObserver& observer, const UnhandledExceptionHook& hook)
        : Completions(rule), observer_(observer), hook_(hook) {}

    // With the mutex.

    Counts& counts() noexcept {
        CONCURRENT_FUTURES_ASSERT(rule().locked());
        return counts_;
    }

    /// There is nothing to deliver. Manager thread.
    bool empty() const noexcept { return Completions::empty() && !observer_.has_notes(); }
    /// The result of this task, if nothing else is to be delivered: for a thread that waits for it. Null otherwise.
    RemoteTask* take_only_result(const RemoteTask& task, Ending& ending) noexcept {
        if (!endings().is_only(task) || task.ending.kind != Ending::Kind::result) return nullptr;
        RemoteTask& ended = endings().pop_front();
        ending = std::exchange(ended.ending, {});
        // relaxed: with the mutex, as is_delivered_by_waiter().
        being_delivered_.fetch_add(1, std::memory_order_relaxed);
        return &ended;
    }
    /// Threads that wait are delivering what take_only_result() gave them: it may come back, so the manager thread must not
    /// end, and the pool is not idle.
    bool is_delivered_by_waiter() const noexcept {
        CONCURRENT_FUTURES_ASSERT(rule().locked());
        // (1) acquire, pairs with (2): what came back is in the queue.
        return being_delivered_.load(std::memory_order_acquire) != 0;
    }

    // Without the mutex.

    /// Manager thread. `on_start_failure(why)`: the initializer threw in a worker.
    template <class OnStartFailure>
    void deliver_all(OnStartFailure on_start_failure) noexcept {
        CONCURRENT_FUTURES_ASSERT(rule().on_engine_thread());
        Completions::deliver_all(
            [this](std::unique_lock<std::mutex>& lock) {
                if (!observer_.has_notes()) return false;
                lock.unlock();
                tell_observations();
                return true;
            },
            [&](const Notice& notice) {
                if (notice.kind == Notice::Kind::exit_failed)
                    report_unhandled(hook_, notice.error, "a process pool's worker_exit");
                else
                    on_start_failure(start_failure_text(notice));
            },
            [this](RemoteTask& task, Ending& ending) {
                free_payloads(task, ending);
                deliver(task, ending);
            });
    }
    /// In the thread that waits for the task, which take_only_result() gave with this result. False: the manager thread has to
    /// be woken, to run callbacks.
    bool deliver_to_waiter(RemoteTask& task, Ending& ending) noexcept;
    /// This thread is in deliver_to_waiter(), so the manager thread waits for it: it must not wait for that.
    bool delivers_here() const noexcept { return delivers_here_ == this; }
    /// From succeed(), before the future ends: the result cannot be read.
    void count_unreadable_result() noexcept {
        const std::lock_guard lock(mutex());
        --counts_.completed;
        ++counts_.failed;
    }

  private:
    void tell_observations() noexcept {
        if (!observer_) return;
        std::vector<Observation> told;
        {
            const std::lock_guard lock(mutex());
            told = observer_.take();
        }
        observer_.tell(told);
    }
    void free_payloads(RemoteTask& task, Ending& ending) noexcept;
    static std::string start_failure_text(const Notice& notice) noexcept;

    TaskObserver& observer_;
    const UnhandledExceptionHook& hook_;
    Counts counts_;
    Atomic<std::size_t> being_delivered_{0};
    inline static constinit thread_local const CompletionQueue* delivers_here_ = nullptr;
};

inline bool CompletionQueue::deliver_to_waiter(RemoteTask& task, Ending& ending) noexcept {
    struct Delivery {
        CompletionQueue& queue;
        const CompletionQueue* const outer = std::exchange(delivers_here_, &queue);
        ~Delivery() {
            delivers_here_ = outer;
            // (2) release, pairs with (1).
            queue.being_delivered_.fetch_sub(1, std::memory_order_release);
        }
    } const delivery{*this};
    tell_observations();
    free_payloads(task, ending);
    if (ending.kind == Ending::Kind::result) return deliver_untold(task, ending);
    deliver(task, ending);  // a failure to copy it, of which only this thread knows
    return true;
}

/// Before the delivery: a thread that waits for this task and then submits the next one finds its memory free.
///
/// A codec may look twice at the same bytes, and trust the second time what it checked the first time. So a
/// body that its sender could change meanwhile is copied before that.
inline void CompletionQueue::free_payloads(RemoteTask& task, Ending& ending) noexcept {
    if (ending.body.is_stored() && !task.reads_result_once()) {
        try {
            Encoder encoder;
            encoder.write_bytes(ending.body.bytes().data(), ending.body.bytes().size());
            ByteBuffer copy = std::move(encoder).take();
            for (auto& region : ending.body.regions.take()) copy.regions.keep(std::move(region));
            ending.body = std::move(copy);
        } catch (...) {
            ending.body = ByteBuffer();
            ending.kind = Ending::Kind::failure;
            ending.error = std::make_exception_ptr(std::bad_alloc());
        }
    }
    if (task.call().is_lent() && task.call().regions.all().empty()) return;
    const std::lock_guard lock(mutex());  // another worker may have it, or be about to get it
    if (ending.kind == Ending::Kind::none && task.stage != RemoteTask::Stage::revoked) return;
    task.drop_call(ending.body);
}

inline std::string CompletionQueue::start_failure_text(const Notice& notice) noexcept {
    return text_or_why_not([&] {
        const std::string thrown = "ProcessPoolExecutor: the initializer threw in a worker: ";
        try {
            std::rethrow_exception(decode_failure(notice.body, notice.pid));
        } catch (const BrokenProcessPool& error) {  // not the initializer, but the worker itself
            return std::string("ProcessPoolExecutor: ") + error.what();
        } catch (const std::exception& error) {
            return thrown + error.what();
        } catch (...) {
            return thrown + "something that is no std::exception";
        }
    });
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
