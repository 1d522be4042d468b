// SPDX-License-Identifier: MIT
//
// mpi_completions.hpp: how the tasks of MPI pools end: decided with the engine's mutex, delivered without it.
//
//     completions.end(task, Ending::Kind::result);        // with the mutex
//     completions.deliver_all(on_start_failure);          // engine thread, without the mutex: user code runs here
//
// The counterpart of CompletionQueue in process pools. A callback may wait for another task: the engine thread then works
// on from inside the callback, and goes on in these lists where it was. Nothing here needs memory, but for notices.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "concurrent/futures/detail/mpi/mpi_observer.hpp"
#include "concurrent/futures/detail/mpi/mpi_pool.hpp"
#include "concurrent/futures/detail/mpi/rank_origin.hpp"
#include "concurrent/futures/detail/mpi/root_peers.hpp"
#include "concurrent/futures/detail/state/unhandled.hpp"
#include "concurrent/futures/detail/wire/task_lists.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class MpiCompletions {
  public:
    /// Something that a lane said of which no task is told.
    struct Notice {
        enum class Kind : std::uint8_t { start_failed, exit_failed, worker_started, worker_ended } kind;
        std::shared_ptr<MpiPool> pool;
        const RootPeer* peer;
        ByteBuffer body{};       // start_failed, exit_failed: an exception
        std::size_t worker = 0;  // worker_started, worker_ended: its number
    };

    /// `mutex`: the engine's. Throws std::bad_alloc: an empty std::deque has memory.
    explicit MpiCompletions(std::mutex& mutex) : mutex_(mutex) {}
    MpiCompletions(const MpiCompletions&) = delete;
    MpiCompletions& operator=(const MpiCompletions&) = delete;

    // With the mutex.

    /// The task ends in this way; one reference goes with it.
    void end(MpiTask& task, Ending::Kind kind) noexcept { endings_.add(task, kind); }
    /// One reference goes, and nothing else.
    void release(RemoteTask& task) noexcept { endings_.release(task); }
    void add(Notice notice) { notices_.push_back(std::move(notice)); }
    /// To be told by the engine, before what comes later. Without memory it is not told.
    void add_worker(const std::shared_ptr<MpiPool>& pool, const RootLane& lane, bool started) noexcept {
        if (!pool || !pool->watch()) return;
        try {
            add({.kind = started ? Notice::Kind::worker_started : Notice::Kind::worker_ended,
                 .pool = pool,
                 .peer = &lane.peer,
                 .worker = lane.worker});
        } catch (...) {
        }
    }
    bool has_any() const noexcept { return !endings_.empty() || !notices_.empty(); }
    /// On the engine thread: it has even nothing that it is about to deliver.
    bool empty() const noexcept { return !has_any() && deliveries_.empty(); }
    /// Everything has been told, and no other thread is about to tell. When the engine thread sleeps.
    bool is_told() const noexcept { return endings_.empty() && telling_ == 0; }
    /// Other threads tell tasks how they ended.
    bool is_told_elsewhere() const noexcept { return telling_ != 0; }

    // Without the mutex.

    /// Engine thread. `on_start_failure(pool, why)`: the initializer threw on a rank. One at a time from the common lists,
    /// so that a callback that works on here goes on where this was.
    template <class OnStartFailure>
    void deliver_all(OnStartFailure on_start_failure) noexcept {
        for (;;) {
            if (deliveries_.empty()) {
                std::unique_lock lock(mutex_);
                if (!notices_.empty()) {
                    const Notice notice = std::move(notices_.front());
                    notices_.pop_front();
                    lock.unlock();
                    if (notice.kind == Notice::Kind::start_failed)
                        on_start_failure(*notice.pool, start_failure_text(notice));
                    else
                        tell(notice);
                    continue;
                }
                deliveries_.take_from(endings_);
                if (deliveries_.empty()) return;
            }
            Deliveries::Delivery next = deliveries_.pop_front();
            deliver(static_cast<MpiTask&>(*next.task), next.ending);
        }
    }
    /// A thread that waits for `task`, with the lock, which it lets go of meanwhile: delivers the result of that task and of
    /// those before it whose end runs no code of the user, as this thread may hold a lock that such code needs.
    /// `on_callbacks()`: a task is left that has callbacks.
    template <class OnCallbacks>
    void deliver_plain(std::unique_lock<std::mutex>& lock, const MpiTask& task, OnCallbacks on_callbacks) noexcept {
        const auto may_end = [&](const RemoteTask& next) {
            const auto& ended = static_cast<const MpiTask&>(next);
            return ended.ending.kind == Ending::Kind::result &&
                   (&ended == &task || (ended.has_plain_result && !ended.watched_by));
        };
        for (Deliveries some; some.take_from(endings_, may_end), !some.empty();) {
            ++telling_;
            lock.unlock();
            while (!some.empty()) {
                Deliveries::Delivery next = some.pop_front();
                deliver_untold(static_cast<MpiTask&>(*next.task), next.ending, on_callbacks);
            }
            lock.lock();
            --telling_;
        }
    }

  private:
    void deliver(MpiTask& task, Ending& ending) noexcept;
    template <class OnCallbacks>
    void deliver_untold(MpiTask& task, Ending& ending, OnCallbacks on_callbacks) noexcept;
    static void tell(const Notice& notice) noexcept;
    static std::string start_failure_text(const Notice& notice) noexcept;

    std::mutex& mutex_;
    EndingList endings_;
    std::deque<Notice> notices_;
    unsigned telling_ = 0;   // other threads that are about to tell tasks
    Deliveries deliveries_;  // engine thread
};

inline void MpiCompletions::deliver(MpiTask& task, Ending& ending) noexcept {
    MpiObserver::tell(task);
    switch (ending.kind) {
        case Ending::Kind::result: {
            task.drop_call(ending.body);
            Decoder decoder(ending.body.bytes());
            task.succeed(decoder);
            break;
        }
        case Ending::Kind::exception:
            task.fail(decode_rank_failure(ending.body, ending.pid));
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

/// Callbacks of the task are left to the engine thread.
template <class OnCallbacks>
void MpiCompletions::deliver_untold(MpiTask& task, Ending& ending, OnCallbacks on_callbacks) noexcept {
    MpiObserver::tell(task);
    task.drop_call(ending.body);
    Decoder decoder(ending.body.bytes());
    if (!task.try_succeed_untold(decoder)) {
        {
            const std::lock_guard lock(mutex_);
            endings_.add(task, Ending::Kind::stored);  // with one of the references
            --ending.references;
        }
        on_callbacks();
    }
    for (; ending.references > 0; --ending.references) task.release();
}

inline void MpiCompletions::tell(const Notice& notice) noexcept {
    if (notice.kind == Notice::Kind::exit_failed)
        return report_unhandled(notice.pool->settings().hook, decode_rank_failure(notice.body, notice.peer->pid()),
                                "an MPI pool's worker_exit");
    MpiObserver::tell_worker(notice.pool->watch(), *notice.peer, notice.worker,
                             notice.kind == Notice::Kind::worker_started);
}

inline std::string MpiCompletions::start_failure_text(const Notice& notice) noexcept {
    return text_or_why_not([&] {
        const std::string thrown = "MPIPoolExecutor: the initializer threw on rank " + std::to_string(notice.peer->rank) +
                                   " (host " + notice.peer->card.host_name() + "): ";
        try {
            std::rethrow_exception(decode_rank_failure(notice.body, notice.peer->pid()));
        } catch (const std::exception& error) {
            return thrown + error.what();
        } catch (...) {
            return thrown + "something that is no std::exception";
        }
    });
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
