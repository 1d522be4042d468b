// SPDX-License-Identifier: MIT
//
// submission_room.hpp: what a submit does in a process pool with max_pending, when that many tasks wait already.
//
//     { lock; if (!room.wait(lock, task, on_manager_thread)) …run the task here… }
//
// Threads: any, with the pool's mutex, which is let go of while waiting.
#pragma once

#include <mutex>
#include <string>

#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/processes/pool_tables.hpp"
#include "concurrent/futures/detail/state/idle_waiters.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class SubmissionRoom {
  public:
    explicit SubmissionRoom(PoolTables& pool) noexcept : pool_(pool) {}

    /// False when the caller is to run the task itself. Throws QueueFullError, and what a closed pool throws.
    bool wait(PoolTables::Lock& lock, const RemoteTask& task, bool on_manager_thread) {
        pool_.queue.collect();
        // The manager thread (in a callback) never waits for room: it is the one that makes it. A task with a
        // time limit is not run by the caller, whom the pool cannot end: it waits for room.
        if (pool_.queue.waiting() < pool_.settings.max_pending || on_manager_thread) return true;
        if (pool_.settings.on_full == QueueFull::raise)
            throw QueueFullError("ProcessPoolExecutor: " + std::to_string(pool_.queue.waiting()) +
                                 " tasks are waiting, which is max_pending; submit later, or choose "
                                 "QueueFull::block or caller_runs");
        if (pool_.settings.on_full == QueueFull::caller_runs && task.limits.timeout == TaskLimits::never) return false;
        while (!is_over()) {  // others may take the room in between
            lock.unlock();
            wait_with("room in a pool's queue (max_pending)", pool_.mutex, pool_.room, Deadline::never(),
                      [this] { return is_over(); });
            lock.lock();
        }
        pool_.throw_if_closed();
        return true;
    }

  private:
    bool is_over() const noexcept {
        return pool_.queue.waiting() < pool_.settings.max_pending || pool_.closed || pool_.is_broken();
    }

    PoolTables& pool_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
