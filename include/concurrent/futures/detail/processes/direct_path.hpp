// SPDX-License-Identifier: MIT
//
// direct_path.hpp: what other threads of a process pool do in place of its manager thread while that sleeps.
//
//     submit ──▶ ring of a worker with nothing to do          instead of: wake the manager, which gives the task
//     result() ──▶ looks at that worker's ring for a moment   instead of: the manager wakes up, and wakes this thread
//
// One task at a time is then as fast as two processes are. Where there is more to do than that, the manager thread is
// woken and does it. A thread ends only its own task here, and only if no callback and no other listener is to be told:
// it may hold a lock that a callback needs, and what others have submitted must not run on top of it.
//
// This part can be removed: give() that returns false and look_for_end() that returns done() are correct.
#pragma once

#include <algorithm>
#include <cstdint>
#include <exception>
#include <mutex>

#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/platform/broken_pipe.hpp"
#include "concurrent/futures/detail/platform/spin.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/detail/processes/dispatcher.hpp"
#include "concurrent/futures/detail/processes/pool_tables.hpp"
#include "concurrent/futures/detail/processes/result_reader.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class DirectPath {
  public:
    DirectPath(PoolTables& pool, Dispatcher& dispatcher, ResultReader& reader) noexcept
        : pool_(pool), dispatcher_(dispatcher), reader_(reader) {}

    /// True: all that was submitted is with workers that had nothing to do, or the manager thread is awake.
    bool give() noexcept;
    /// A thread that is about to sleep until this task has ended, as `done()` tells, looks for its result for a moment.
    template <class Done>
    bool look_for_end(RemoteTask& task, Done done) noexcept;

  private:
    /// How long a thread looks for its result itself.
    static constexpr auto patience = tuning::looks_for_own_result;

    WorkerLink* watch_worker_of(const RemoteTask& task, std::uint64_t& position) noexcept;
    RemoteTask* read_for(const RemoteTask& task, WorkerLink& link, Ending& ending, bool& wants_manager) noexcept;
    bool needs_manager() const noexcept;

    PoolTables& pool_;
    Dispatcher& dispatcher_;
    ResultReader& reader_;
};

inline bool DirectPath::give() noexcept {
    const PoolTables::Lock lock(pool_.mutex, std::try_to_lock);
    if (!lock) return false;
    if (!pool_.signal.is_asleep()) return true;
    if (pool_.paused) return false;
    pool_.queue.collect();
    for (const auto& link : pool_.workers) {
        if (pool_.queue.size() == 0) break;
        if (!dispatcher_.is_idle(*link)) continue;
        RemoteTask* const task = pool_.next_queued();
        if (!task) break;
        if (task->has_limit()) {  // the manager thread has to look at the clock
            pool_.queue.put_back(*task);
            return false;
        }
        try {
            dispatcher_.give(*link, *task);
            if (pool_.settings.max_pending != 0) pool_.room.notify_one();
            link->flush();
        } catch (const std::exception&) {  // out of memory, or the worker has written an impossible position
            return false;
        }
        if (link->pipes().must_ring()) {
            const QuietPipes quiet;  // the worker may be dead
            link->ring();
        }
        if (link->pipes().has_to_ring() || link->has_output()) return false;
    }
    return pool_.queue.size() == 0 && !pool_.completions.has_endings();
}

/// With the mutex, after something was received that the manager thread has not received itself.
inline bool DirectPath::needs_manager() const noexcept {
    CONCURRENT_FUTURES_ASSERT(pool_.rule.locked());
    if (pool_.completions.has_endings() || pool_.completions.has_notices() || pool_.queue.size() != 0 ||
        pool_.signal.has_news() || pool_.closed || pool_.forced || pool_.memory.keeps_unused() ||
        pool_.settings.idle_timeout || pool_.settings.max_tasks_per_child != 0 || pool_.queue.intake.has_tasks())
        return true;
    return std::any_of(pool_.workers.begin(), pool_.workers.end(), [](const auto& link) {
        return link->tasks.in_flight() > 1 || link->has_output() || link->life.is_dying() || link->pipes().result_fd() < 0;
    });
}

/// With the mutex. Null when this thread cannot read in the manager's place.
inline WorkerLink* DirectPath::watch_worker_of(const RemoteTask& task, std::uint64_t& position) noexcept {
    CONCURRENT_FUTURES_ASSERT(pool_.rule.locked());
    if (!pool_.signal.is_asleep() || task.stage != RemoteTask::Stage::sent || task.worker->tasks.in_flight() != 1 ||
        task.worker->has_output() || !task.worker->life.is_ready())
        return nullptr;
    WorkerLink* const link = task.worker;
    position = link->position();
    ++link->watchers;
    link->pipes().expect_nothing();
    return link;
}

/// With the mutex. The task, when it has ended with a result and nothing else is to be delivered.
inline RemoteTask* DirectPath::read_for(const RemoteTask& task, WorkerLink& link, Ending& ending,
                                        bool& wants_manager) noexcept {
    CONCURRENT_FUTURES_ASSERT(pool_.rule.locked() && link.watchers > 0);
    --link.watchers;
    if (!pool_.signal.is_asleep()) return nullptr;  // the manager thread looks for itself
    if (link.watchers == 0) link.expect_news();
    if (link.has_news()) reader_.read(link);
    RemoteTask* const ended = pool_.completions.take_only_result(task, ending);
    wants_manager = needs_manager();
    return ended;
}

template <class Done>
bool DirectPath::look_for_end(RemoteTask& task, Done done) noexcept {
    WorkerLink* link = nullptr;
    std::uint64_t position = 0;
    // Without the mutex this is a hint: while the manager thread is awake, this thread does not compete for its mutex.
    if (pool_.signal.is_asleep()) {
        const std::lock_guard lock(pool_.mutex);
        link = watch_worker_of(task, position);
    }
    if (!link) return spin_until(done);
    spin_until([&] { return done() || link->results().has_moved_beyond(position); }, patience);
    Ending ending;
    RemoteTask* ended = nullptr;
    bool wants_manager = false;
    {
        const std::lock_guard lock(pool_.mutex);
        ended = read_for(task, *link, ending, wants_manager);
    }
    if (wants_manager) pool_.signal.wake();
    if (ended && !pool_.completions.deliver_to_waiter(*ended, ending)) {
        {
            const std::lock_guard lock(pool_.mutex);
            pool_.signal.note_news();
        }
        pool_.signal.wake();
    }
    return done();
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
