// SPDX-License-Identifier: MIT
//
// manager_signal.hpp: how other threads wake the manager thread of a process pool.
//
//     { lock; …; signal.note_news(); }  signal.wake();       // any thread
//     { lock; signal.fall_asleep(); if (!signal.has_news() && …nothing else…) may_block = true; }
//     poll({signal.fd(), …});                                // the manager thread
//     { lock; signal.rise(); }
//
// Why no wake-up is lost: the manager thread calls fall_asleep() and then looks, with the pool's mutex. Another thread
// first writes its task or news, with that mutex or with the lock of the intake, which the manager thread takes for its
// look, and then calls is_asleep() or wake(). So either the manager thread sees the news, or the other thread sees that
// it sleeps. A third thread may have collected the task meanwhile, to count or cancel tasks: SubmissionQueue::has_new() tells.
// The lock orders all operations here, which are therefore relaxed.
#pragma once

#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/file_descriptor.hpp"
#include "concurrent/futures/detail/platform/lock_rule.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class ManagerSignal {
  public:
    explicit ManagerSignal(const LockRule& rule = LockRule::none()) : rule_(rule) {}

    // Any thread, without the mutex.

    /// Call this after a task was pushed, or after note_news().
    void wake() noexcept {
        // relaxed, both: see above. The exchange is there so that only one thread of many notifies.
        if (asleep_.load(std::memory_order_relaxed) && asleep_.exchange(false, std::memory_order_relaxed))
            wake_up_.notify();
    }
    /// A hint without the mutex, exact with it: the manager thread sleeps, and other threads may do its work.
    bool is_asleep() const noexcept {
        return asleep_.load(std::memory_order_relaxed);  // relaxed: see above
    }
    /// A hint without the mutex, exact with it.
    bool has_news() const noexcept {
        return news_.load(std::memory_order_relaxed);  // relaxed: see above
    }

    // With the mutex.

    /// There is something for the manager thread other than new tasks and messages of workers.
    void note_news() noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        news_.store(true, std::memory_order_relaxed);  // relaxed: see above
    }
    void clear_news() noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.writable());
        news_.store(false, std::memory_order_relaxed);  // relaxed: see above
    }
    void fall_asleep() noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.writable());
        asleep_.store(true, std::memory_order_relaxed);  // relaxed: see above
    }
    void rise() noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.writable());
        asleep_.store(false, std::memory_order_relaxed);  // relaxed: see above
    }

    WakeUp& wake_up() noexcept { return wake_up_; }

  private:
    const LockRule& rule_;
    WakeUp wake_up_;
    Atomic<bool> news_{false};
    Atomic<bool> asleep_{false};
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
