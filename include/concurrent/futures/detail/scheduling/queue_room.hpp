// SPDX-License-Identifier: MIT
//
// queue_room.hpp: how submitters of a thread pool wait for room in the queue, when max_pending tasks wait already.
//
//     while (room.is_full()) room.wait(lock, urgent);    // a submitter
//     room.note_waiting();                               // its task is in the queue
//     room.note_free();                                  // a task waits no more
//
// Submitters are woken for several free places at once: a wake-up for each task costs more than a short task. No free
// place stays unused for longer than `longest_batch` while a submitter waits:
//   A submitter first sleeps for longest_batch at most. In that time it is woken when a batch of places, half of
//   max_pending, has become free; after it, it looks for itself.
//   If it finds the queue full then, tasks may be long. Now it counts as urgent, and sleeps until it is woken. As long
//   as a submitter is urgent, each place that becomes free wakes a submitter. The one that is woken takes the place,
//   or finds that another submitter has. The queue was full, with the mutex, when the urgent one began to wait: so
//   each place that is free while it sleeps has woken a submitter.
// Workers do not run out of tasks meanwhile: half of the queue is left when the submitters are woken.
//
// Threads: any. "With the mutex" means the pool's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>

#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/bounds.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/futex.hpp"
#include "concurrent/futures/detail/platform/lock_rule.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/detail/state/shared_state.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class QueueRoom {
  public:
    QueueRoom(const LockRule& rule, std::size_t max_pending) noexcept : rule_(rule), max_pending_(max_pending) {}

    /// Without the mutex: a task has begun, or was cancelled or given up.
    void note_free() noexcept {
        std::unique_lock lock(rule_.mutex());
        --tasks_;
        const int count = count_free();
        lock.unlock();  // so that the submitters don't wait for the mutex at once
        if (count != 0) futex_wake(&wake_ups_, count);
    }

    // With the mutex.
    bool is_full() const noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        return tasks_ >= max_pending_;
    }
    void note_waiting() noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        ++tasks_;
    }
    /// Many tasks were cancelled: all submitters look again.
    void note_cancelled(std::size_t tasks) noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        tasks_ -= tasks;
        wake_all();
    }
    /// A submitter sleeps until there may be room. Gives up the lock meanwhile. May return for no reason.
    void wait(std::unique_lock<std::mutex>& lock, bool urgent) {
        CONCURRENT_FUTURES_ASSERT(lock.owns_lock() && lock.mutex() == &rule_.mutex());
        // relaxed, both: written under the mutex; what a change means is looked at with it.
        const std::uint32_t seen = wake_ups_.load(std::memory_order_relaxed);
        const auto woken = [&] { return wake_ups_.load(std::memory_order_relaxed) != seen; };
        if (waiting_++ == 0) freed_ = 0;
        urgent_ += urgent ? 1 : 0;
        lock.unlock();
        block_until({.what = "room in a pool's queue (max_pending)"},
                    urgent ? Deadline::never() : Deadline::after(longest_batch), woken,
                    [&](const Deadline& until) { futex_wait(wake_ups_, seen, until); });
        lock.lock();
        --waiting_;
        urgent_ -= urgent ? 1 : 0;
    }
    /// The pool closes: all submitters look again.
    void wake_all() noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        wake_ups_.fetch_add(1, std::memory_order_relaxed);  // relaxed: with the mutex
        if (waiting_ != 0) futex_wake_all(&wake_ups_);
    }

  private:
    static constexpr auto longest_batch = tuning::longest_batch_of_places;

    /// With the mutex: one more place is free. How many submitters to wake.
    int count_free() noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        if (waiting_ == 0) return 0;
        ++freed_;
        if (urgent_ == 0 && freed_ < max_pending_ / 2) return 0;
        const std::size_t count = smaller(freed_, waiting_);
        freed_ = 0;
        wake_ups_.fetch_add(1, std::memory_order_relaxed);  // relaxed: with the mutex
        return static_cast<int>(smaller<std::size_t>(count, 1 << 30));
    }

    const LockRule& rule_;
    const std::size_t max_pending_;
    // Submitters read it without the mutex. It may wrap around: a wake-up is missed only if exactly 2^32 come before
    // the submitter that has read it sleeps, and then the next one counts.
    FutexWord wake_ups_{0};
    // Guarded by the mutex.
    std::size_t tasks_ = 0;    // that wait; their entries may stay in the queue for longer
    std::size_t waiting_ = 0;  // submitters
    std::size_t urgent_ = 0;   // of those; above 0, each free place wakes a submitter, urgent or not
    std::size_t freed_ = 0;    // places, since submitters were woken last
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
