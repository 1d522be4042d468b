// SPDX-License-Identifier: MIT
//
// submission_room.hpp: what a submit does in a process pool with max_pending, when that many tasks wait already.
//
//     { lock; if (room.wait(lock, task, on_manager_thread)) room.add(task, priority); else …room.run_here(task) without it… }
//
// Threads: any, with the pool's mutex where a lock is a parameter; it is let go of while waiting.
#pragma once

#include <mutex>

#include "concurrent/futures/detail/processes/pool_tables.hpp"
#include "concurrent/futures/detail/wire/full_queue.hpp"
#include "concurrent/futures/options.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class SubmissionRoom {
  public:
    explicit SubmissionRoom(PoolTables& pool) noexcept : pool_(pool) {}

    /// False when the caller is to run the task itself. Throws QueueFullError, and what a closed pool throws. A task with a
    /// time limit is not run by the caller, whom the pool cannot end: it waits for room.
    bool wait(PoolTables::Lock& lock, const RemoteTask& task, bool on_manager_thread) {
        return wait_for_room(lock, pool_.room, pool_,
                             {.executor = "ProcessPoolExecutor",
                              .on_full = pool_.settings.on_full,
                              .on_engine_thread = on_manager_thread,
                              .caller_may_run = task.limits.timeout == TaskLimits::never});
    }
    /// With the lock, when wait() has returned true. Tells the manager thread, which no longer finds the task in the intake.
    void add(RemoteTask& task, Priority priority) noexcept {
        pool_.queue.intake.push(task, priority);
        pool_.queue.collect();
        pool_.signal.note_news();
    }
    /// Takes over a reference to a task that is known to the caller only, with all its retries. Without the lock.
    void run_here(RemoteTask& task) {
        pool_.observer.set_waiting(task, false);
        run_in_caller(
            task, [&](Observation::Kind kind) { pool_.observer.tell(kind, task); },
            [&](bool failed) {
                const std::lock_guard lock(pool_.mutex);
                CompletionQueue::Counts& counts = pool_.completions.counts();
                ++(failed ? counts.failed : counts.completed);
            });
    }

  private:
    PoolTables& pool_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
