// SPDX-License-Identifier: MIT
//
// spin_mutex.hpp: a mutex of one byte for a few instructions at a time.
//
//     const std::lock_guard lock(mutex_);
//
// For lists of pointers that several threads push to and pop from within nanoseconds: std::mutex sleeps as
// soon as it is held, and a sleep costs a thousand times what is done under it. Releasing it is a plain
// store (what that gains is in benchmarks/README.md), which cannot wake a thread. So a thread that waits for long,
// because the holder was preempted, yields the processor, and then sleeps for longer and longer, so that even a
// holder of lower real-time priority can go on. Never held while user code or a system call runs.
#pragma once

#include <cstdint>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/spin.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class SpinMutex {
  public:
    constexpr SpinMutex() = default;
    SpinMutex(const SpinMutex&) = delete;
    SpinMutex& operator=(const SpinMutex&) = delete;

    void lock() noexcept {
        if (!try_lock()) lock_slowly();
    }
    bool try_lock() noexcept {
        // (1) acquire, pairs with (2): what was done under the lock before.
        return !held_.exchange(true, std::memory_order_acquire);
    }
    void unlock() noexcept {
        held_.store(false, std::memory_order_release);  // (2) release, pairs with (1)
    }

  private:
    void lock_slowly() noexcept {
        for (unsigned waits = 0;; ++waits) {
            // relaxed: a guess; try_lock() asks properly.
            if (!held_.load(std::memory_order_relaxed) && try_lock()) return;
            back_off(waits);
        }
    }

    Atomic<bool> held_{false};
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
