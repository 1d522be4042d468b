// SPDX-License-Identifier: MIT
//
// process_manager_shortcuts.hpp: what other threads of a process pool do in place of the manager thread while
// that sleeps. Included by process_manager.hpp, where the class and its picture are.
//
//     submit ──▶ ring of a worker with nothing to do          instead of: wake the manager, which gives it
//     result() ──▶ looks at that worker's ring for a moment   instead of: the manager wakes up, and wakes this
//
// One call at a time is then as fast as two processes are; where there is more to do than that, the manager
// is woken and does it. All with the mutex, but for spinning and for decoding the result. Only the waiting
// thread's own call ends here, and only if nobody but sleepers is to be told: it may hold a lock that a
// callback needs, and what others have submitted must not run on top of it.
#pragma once

#include <exception>
#include <mutex>

#include "concurrent/futures/detail/platform/broken_pipe.hpp"
#include "concurrent/futures/detail/platform/spin.hpp"
#include "concurrent/futures/detail/processes/process_manager.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// True: all that has come in is with workers that had nothing to do, or the manager is awake.
inline bool ProcessManager::give_here() noexcept {
    const Lock lock(mutex_, std::try_to_lock);
    if (!lock) return false;
    // relaxed: with the lock, see wake().
    if (!asleep_.load(std::memory_order_relaxed)) return true;
    intake_.move_to(queue_);
    for (const auto& link : links_) {
        if (queued() == 0) break;
        if (link->in_flight() != 0 || !may_take_more(*link)) continue;
        RemoteTask* const task = next_queued();
        if (!task) break;
        if (task->has_limit()) {  // somebody has to look at the clock
            queue_[task->level].push_front(*task);
            return false;
        }
        task->id = ++last_id_;
        try {
            give(*link, *task);
            link->flush();
        } catch (const std::exception&) {  // out of memory, or the worker has spoilt its ring
            return false;
        }
        if (link->must_ring()) {
            const QuietPipes quiet;  // the worker may be dead
            link->ring();
        }
        if (link->has_to_ring() || link->has_output()) return false;
    }
    return queued() == 0 && endings_.empty();
}

/// With the lock, after something was received that did not come by the manager's own hand.
inline bool ProcessManager::needs_manager() const noexcept {
    constexpr std::chrono::steady_clock::time_point none{};
    // relaxed: with the lock.
    if (!endings_.empty() || !notices_.empty() || queued() != 0 || news_.load(std::memory_order_relaxed) ||
        closed_ || forced_ || trim_at_ != none || settings_.idle_timeout ||
        settings_.max_tasks_per_child != 0 || intake_.has_tasks())
        return true;
    return std::any_of(links_.begin(), links_.end(), [](const auto& link) {
        return link->in_flight() > 1 || link->has_output() || link->dying() || link->result_fd() < 0;
    });
}

/// With the lock, while the manager sleeps. The task, when only that was told its end, and this is a result.
inline RemoteTask* ProcessManager::read_for(const RemoteTask& task, WorkerLink& link, Ending& ending) noexcept {
    if (link.has_news()) read_results(link);
    const bool is_ours = endings_.is_only(task) && task.ending.kind == Ending::Kind::result;
    RemoteTask* const ended = is_ours ? &endings_.pop_front() : nullptr;
    if (ended) ending = std::exchange(ended->ending, {});
    return ended;
}

template <class Done>
bool ProcessManager::look_for_end(RemoteTask& task, Done done) noexcept {
    if (settings_.run_inline || in_forked_child() || on_manager_thread() || !spinning_pays()) return done();
    WorkerLink* link = nullptr;
    std::uint64_t position = 0;
    // relaxed: spares an awake manager a thread at its mutex; looked at again with the lock.
    if (asleep_.load(std::memory_order_relaxed)) {
        const std::lock_guard lock(mutex_);
        // relaxed: with the lock, see wake().
        if (asleep_.load(std::memory_order_relaxed) && task.stage == RemoteTask::Stage::sent &&
            task.worker->in_flight() == 1 && !task.worker->has_output()) {
            link = task.worker;
            position = link->position();
            ++link->watchers;
            link->expect_nothing();
        }
    }
    if (!link) return spin_until(done);
    spin_until([&] { return done() || link->results().has_moved_beyond(position); }, waiters_patience);
    Ending ending;
    RemoteTask* ended = nullptr;
    bool wanted = false;
    {
        const std::lock_guard lock(mutex_);
        --link->watchers;
        // relaxed: with the lock, see wake(). An awake manager looks for itself.
        if (asleep_.load(std::memory_order_relaxed)) {
            if (link->watchers == 0) link->expect_news();
            ended = read_for(task, *link, ending);
            wanted = needs_manager();
        }
    }
    if (wanted) wake();
    if (ended) deliver_to_waiter(*ended, ending);
    return done();
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
