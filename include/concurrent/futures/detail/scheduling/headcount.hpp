// SPDX-License-Identifier: MIT
//
// headcount.hpp: how many threads a thread pool has in each state, and how many it may have.
//
//     starting ──▶ at work ◀──▶ idle ──▶ ended
//                    ▲  │
//                    │  ▼
//                  blocked
//
// At work: it runs a task or searches. Blocked: it sleeps in a wait inside a task. Idle: it sleeps because there is
// nothing to do. A thread that starts counts as at work. At most max_workers are at work; for each one that is blocked
// there may be one substitute, up to most_threads(). All members: with the pool's mutex, but for max_workers().
#pragma once

#include <cstddef>

#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/state/blocking.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class Headcount {
  public:
    Headcount(std::size_t max_workers, std::size_t base_workers) noexcept
        : max_workers_(max_workers), base_workers_(base_workers) {}

    std::size_t alive() const noexcept { return alive_; }
    std::size_t idle() const noexcept { return idle_; }
    bool all_idle() const noexcept { return alive_ == idle_; }
    std::size_t starting() const noexcept { return starting_; }
    /// Threads that run a task or look for one.
    std::size_t at_work() const noexcept { return alive_ - idle_ - blocked_; }
    bool too_many() const noexcept { return at_work() > most_at_work(); }
    bool has_substitutes() const noexcept { return staying() > max_workers(); }
    /// idle_timeout ends none of them.
    bool all_are_kept() const noexcept { return staying() <= base_workers_; }
    bool is_paused() const noexcept { return paused_; }
    /// Those that do not leave because they were idle.
    std::size_t staying() const noexcept { return alive_ - leaving_; }

    /// Without the mutex: how many may be at work while the pool is not paused.
    std::size_t max_workers() const noexcept {
        // relaxed: written with the mutex; a number of this moment.
        return max_workers_.load(std::memory_order_relaxed);
    }
    std::size_t most_threads() const noexcept { return max_workers() + BlockingWorker::most_substitutes; }
    std::size_t most_at_work() const noexcept { return paused_ ? 0 : max_workers(); }
    /// How many more may be at work now.
    std::size_t places() const noexcept { return too_many() ? 0 : most_at_work() - at_work(); }

    void set_paused(bool paused) noexcept { paused_ = paused; }
    void set_max_workers(std::size_t number) noexcept {
        max_workers_.store(number, std::memory_order_relaxed);  // relaxed: as in max_workers()
    }
    void add_starting() noexcept {
        ++alive_;
        ++starting_;
    }
    /// Its initializer has run.
    void note_started() noexcept {
        CONCURRENT_FUTURES_ASSERT(starting_ > 0);
        --starting_;
    }
    void note_idle(bool idle) noexcept {
        CONCURRENT_FUTURES_ASSERT(idle ? idle_ < alive_ : idle_ > 0);
        idle ? ++idle_ : --idle_;
    }
    void note_blocked(bool blocked) noexcept {
        CONCURRENT_FUTURES_ASSERT(blocked ? blocked_ < alive_ : blocked_ > 0);
        blocked ? ++blocked_ : --blocked_;
    }
    void note_leaving() noexcept { ++leaving_; }
    /// `leaving`: it had said note_leaving().
    void note_end(bool leaving) noexcept {
        CONCURRENT_FUTURES_ASSERT(alive_ > 0);
        --alive_;
        if (leaving) --leaving_;
    }

  private:
    Atomic<std::size_t> max_workers_;
    const std::size_t base_workers_;
    bool paused_ = false;
    std::size_t alive_ = 0;     // threads that have not ended; the numbers below are parts of it
    std::size_t starting_ = 0;  // in the initializer or before it
    std::size_t idle_ = 0;      // asleep, because there is nothing to do
    std::size_t blocked_ = 0;   // asleep in a wait
    std::size_t leaving_ = 0;   // because they were idle
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
