// SPDX-License-Identifier: MIT
//
// mpi_room.hpp: what a submit does in an MPI pool with max_pending, when that many tasks wait already.
//
//     { lock; if (!room.wait(lock, pool, on_engine_thread())) …room.run_here(pool, task) without the lock… }
//
// Threads: any, with the engine's mutex where a lock is a parameter; it is let go of while waiting.
#pragma once

#include <mutex>

#include "concurrent/futures/detail/mpi/hub_tables.hpp"
#include "concurrent/futures/detail/platform/monotonic_clock.hpp"
#include "concurrent/futures/detail/wire/full_queue.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class MpiRoom {
  public:
    explicit MpiRoom(HubTables& hub) noexcept : hub_(hub) {}

    /// False when the caller is to run the task itself. Throws QueueFullError, and what a closed pool throws.
    bool wait(HubTables::Lock& lock, MpiPool& pool, bool on_engine_thread) {
        CONCURRENT_FUTURES_ASSERT(hub_.rule.locked());
        return wait_for_room(lock, hub_.changed, pool,
                             {.executor = "MPIPoolExecutor",
                              .on_full = pool.settings().on_full,
                              .on_engine_thread = on_engine_thread,
                              .caller_may_run = true});
    }
    /// Takes over a reference to a task that is known to the caller only, with all its retries. Without the lock.
    void run_here(MpiPool& pool, MpiTask& task) {
        CONCURRENT_FUTURES_ASSERT(hub_.rule.unlocked());  // user code runs
        MpiObserver::set_waiting(task, false);
        run_in_caller(
            task,
            [&](Observation::Kind kind) {
                MpiObserver::note(task, kind, monotonic_nanoseconds(), nullptr);
                MpiObserver::tell(task);
            },
            [&](bool failed) {
                const std::lock_guard lock(hub_.mutex);
                ++(failed ? pool.failed : pool.completed);
            });
    }

  private:
    HubTables& hub_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
