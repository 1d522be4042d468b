// SPDX-License-Identifier: MIT
//
// idle_wait.hpp: threads that wait until a process pool has nothing to do.
//
//     idle.wait(deadline, on_manager_thread());    // any thread, without the pool's mutex
//     idle.note_sleep();                           // the manager thread, with it: it is about to sleep
//
// A pool is idle when its manager thread sleeps, because then all that has ended is delivered, and no task waits or runs.
#pragma once

#include <algorithm>
#include <mutex>

#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/detail/processes/pool_tables.hpp"
#include "concurrent/futures/detail/state/idle_waiters.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class IdleWait {
  public:
    explicit IdleWait(PoolTables& pool) noexcept : pool_(pool) {}

    /// False when the deadline came first. Throws std::system_error on the manager thread, which would wait for itself.
    bool wait(const Deadline& deadline, bool on_manager_thread) {
        return waiters_.wait(
            "ProcessPoolExecutor", on_manager_thread, pool_.mutex, deadline, [this] { return is_idle(); }, interval);
    }
    /// Manager thread, with the mutex.
    void note_sleep() noexcept {
        CONCURRENT_FUTURES_ASSERT(pool_.rule.writable());
        waiters_.notify();
    }
    /// The manager thread ends: from here on the pool is idle. Without the mutex.
    void note_end() {
        const std::lock_guard lock(pool_.mutex);
        over_ = true;
        waiters_.notify();
    }

  private:
    /// A result that its waiter reads itself does not wake the manager thread, so wait() looks again after this time.
    static constexpr auto interval = tuning::idle_look_interval;

    /// With the mutex.
    bool is_idle() const noexcept {
        CONCURRENT_FUTURES_ASSERT(pool_.rule.locked());
        if (over_) return true;
        if (!pool_.signal.is_asleep() || pool_.signal.has_news()) return false;
        // What another thread delivers has not ended. A codec that waits here, in a delivery of its own, waits for the rest.
        if (pool_.completions.is_delivered_by_waiter() && !pool_.completions.delivers_here()) return false;
        return pool_.queue.waiting() == 0 && !pool_.queue.intake.has_tasks() && !pool_.completions.has_endings() &&
               std::all_of(pool_.workers.begin(), pool_.workers.end(),
                           [](const auto& link) { return link->tasks.in_flight() == 0; });
    }

    PoolTables& pool_;
    IdleWaiters waiters_;
    bool over_ = false;        // guarded by the pool's mutex
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
