// SPDX-License-Identifier: MIT
//
// completion_queue.hpp: how the tasks of a process pool end: decided with the pool's mutex, delivered without it.
//
//     completions.end(task, Ending::Kind::result);        // with the mutex
//     completions.deliver_all(on_start_failure);          // manager thread, without the mutex: user code runs here
//
// The delivery decodes: an exception in decode_failure() below, a value in ProcessCall::succeed(). Codecs, done callbacks,
// destructors and observers run there, with no lock. A callback may wait for another task of this
// pool: the manager thread then works on from inside the callback, and goes on in these lists where it was. Nothing
// here needs memory (task_lists.hpp), but for notices.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <utility>

#include "concurrent/futures/detail/processes/task_observer.hpp"
#include "concurrent/futures/detail/serialization/byte_buffer.hpp"
#include "concurrent/futures/detail/serialization/codecs.hpp"
#include "concurrent/futures/detail/serialization/exception_codec.hpp"
#include "concurrent/futures/detail/state/unhandled.hpp"
#include "concurrent/futures/detail/state/without_memory.hpp"
#include "concurrent/futures/detail/wire/task_lists.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Runs codecs of registered exceptions: not under a lock.
inline std::exception_ptr decode_failure(const ByteBuffer& body, int pid) noexcept {
    try {
        Decoder decoder(body.bytes());
        std::exception_ptr error = decode_exception(decoder, pid);
        if (!error) throw SerializationError("a worker sent no exception where one was announced");
        return error;
    } catch (...) {
        return std::current_exception();
    }
}

class CompletionQueue {
  public:
    /// Something that a worker said, or failed to do, of which no task is told.
    struct Notice {
        enum class Kind : std::uint8_t { start_failed, exit_failed } kind;
        ByteBuffer body{};           // start_failed: an exception
        int pid = 0;                 // start_failed: of that worker
        std::exception_ptr error{};  // exit_failed
    };
    struct Counts {
        std::size_t completed = 0, failed = 0, cancelled = 0;
    };

    /// `mutex`: the pool's.
    /// Throws std::bad_alloc: an empty std::deque has memory.
    CompletionQueue(std::mutex& mutex, TaskObserver& observer, const UnhandledExceptionHook& hook)
        : mutex_(mutex), observer_(observer), hook_(hook) {}
    CompletionQueue(const CompletionQueue&) = delete;
    CompletionQueue& operator=(const CompletionQueue&) = delete;

    // With the mutex.

    /// The task ends in this way; one reference goes with it.
    void end(RemoteTask& task, Ending::Kind kind) noexcept { endings_.add(task, kind); }
    /// One reference goes, and nothing else.
    void release(RemoteTask& task) noexcept { endings_.release(task); }
    void add(Notice notice) { notices_.push_back(std::move(notice)); }
    Counts& counts() noexcept { return counts_; }

    bool has_endings() const noexcept { return !endings_.empty(); }
    bool has_notices() const noexcept { return !notices_.empty(); }
    /// There is nothing to deliver. Manager thread.
    bool empty() const noexcept {
        return endings_.empty() && deliveries_.empty() && notices_.empty() && !observer_.has_notes();
    }
    /// The result of this task, if nothing else is to be delivered: for a thread that waits for it. Null otherwise.
    RemoteTask* take_only_result(const RemoteTask& task, Ending& ending) noexcept {
        if (!endings_.is_only(task) || task.ending.kind != Ending::Kind::result) return nullptr;
        RemoteTask& ended = endings_.pop_front();
        ending = std::exchange(ended.ending, {});
        return &ended;
    }

    // Without the mutex.

    /// Manager thread. `on_start_failure(why)`: the initializer threw in a worker. One at a time from the common lists,
    /// so that a callback that works on here goes on where this was.
    template <class OnStartFailure>
    void deliver_all(OnStartFailure on_start_failure) noexcept {
        for (;;) {
            if (deliveries_.empty()) {
                std::unique_lock lock(mutex_);
                if (observer_.has_notes()) {
                    lock.unlock();
                    tell_observations();
                    continue;
                }
                if (!notices_.empty()) {
                    const Notice notice = std::move(notices_.front());
                    notices_.pop_front();
                    lock.unlock();
                    if (notice.kind == Notice::Kind::exit_failed)
                        report_unhandled(hook_, notice.error, "a process pool's worker_exit");
                    else
                        on_start_failure(start_failure_text(notice));
                    continue;
                }
                deliveries_.take_from(endings_);
                if (deliveries_.empty()) return;
            }
            Deliveries::Delivery next = deliveries_.pop_front();
            deliver(*next.task, next.ending);
        }
    }
    /// In the thread that waits for the task, which has ended with this result. False: the manager thread has to be
    /// woken, to run callbacks.
    bool deliver_to_waiter(RemoteTask& task, Ending& ending) noexcept;
    /// From succeed(), before the future ends: the result cannot be read.
    void count_unreadable_result() noexcept {
        const std::lock_guard lock(mutex_);
        --counts_.completed;
        ++counts_.failed;
    }

  private:
    void tell_observations() noexcept {
        if (!observer_) return;
        std::vector<Observation> told;
        {
            const std::lock_guard lock(mutex_);
            told = observer_.take();
        }
        observer_.tell(told);
    }
    void deliver(RemoteTask& task, Ending& ending) noexcept;
    void free_payloads(RemoteTask& task, Ending& ending) noexcept;
    static std::string start_failure_text(const Notice& notice) noexcept;

    std::mutex& mutex_;
    TaskObserver& observer_;
    const UnhandledExceptionHook& hook_;
    EndingList endings_;
    Deliveries deliveries_;  // manager thread; empty when it sleeps
    std::deque<Notice> notices_;
    Counts counts_;
};

inline void CompletionQueue::deliver(RemoteTask& task, Ending& ending) noexcept {
    free_payloads(task, ending);
    switch (ending.kind) {
        case Ending::Kind::result: {
            Decoder decoder(ending.body.bytes());
            task.succeed(decoder);
            break;
        }
        case Ending::Kind::exception:
            task.fail(decode_failure(ending.body, ending.pid));
            break;
        case Ending::Kind::failure:
            task.fail(std::move(ending.error));
            break;
        case Ending::Kind::cancelled:
            task.end_cancelled();
            break;
        case Ending::Kind::stored:
            task.finish_stored();
            break;
        case Ending::Kind::none:
            break;
    }
    for (; ending.references > 0; --ending.references) task.release();
}

inline bool CompletionQueue::deliver_to_waiter(RemoteTask& task, Ending& ending) noexcept {
    tell_observations();
    free_payloads(task, ending);
    if (ending.kind != Ending::Kind::result) {
        deliver(task, ending);  // a failure to copy it, of which only this thread knows
        return true;
    }
    Decoder decoder(ending.body.bytes());
    const bool is_told = task.try_succeed_untold(decoder);
    if (!is_told) {
        const std::lock_guard lock(mutex_);
        endings_.add(task, Ending::Kind::stored);  // with one of the references
        --ending.references;
    }
    for (; ending.references > 0; --ending.references) task.release();
    return is_told;
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
    const std::lock_guard lock(mutex_);  // another worker may have it, or be about to get it
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
