// SPDX-License-Identifier: MIT
//
// spin_mutex.hpp: a mutex of four bytes for a few instructions at a time; waits in a short loop, then sleeps.
//
//     const std::lock_guard lock(mutex_);
//
// For lists of pointers that several threads push to and pop from within nanoseconds: std::mutex sleeps
// as soon as it is held, and a sleep costs a thousand times what is done under it. Never held while user
// code or an allocation that may block for long runs.
// Source: U. Drepper, "Futexes are tricky", mutex 3.
#pragma once

#include <cstdint>

#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/futex.hpp"
#include "concurrent/futures/detail/platform/spin.hpp"

namespace concurrent::futures::inline v1::detail {

class SpinMutex {
  public:
    constexpr SpinMutex() = default;
    SpinMutex(const SpinMutex&) = delete;
    SpinMutex& operator=(const SpinMutex&) = delete;

    void lock() noexcept {
        if (!try_lock()) lock_slowly();
    }
    bool try_lock() noexcept {
        std::uint32_t seen = free;
        // (1) acquire, pairs with (3): what was done under the lock before. Failure hands over nothing.
        return word_.compare_exchange_strong(seen, held, std::memory_order_acquire,
                                             std::memory_order_relaxed);
    }
    void unlock() noexcept {
        // (3) release, pairs with (1) and (2). After it the mutex may be gone: the futex takes only the address.
        if (word_.exchange(free, std::memory_order_release) == contended) futex_wake_one(&word_);
    }

  private:
    static constexpr std::uint32_t free = 0, held = 1, contended = 2;  // contended: held, and somebody sleeps

    void lock_slowly() noexcept {
        for (int pauses = 0; pauses < 100; ++pauses) {
            pause();
            // relaxed: a guess; try_lock() asks properly.
            if (word_.load(std::memory_order_relaxed) == free && try_lock()) return;
        }
        // (2) acquire, pairs with (3). Whoever got it this way must assume that others sleep, too.
        while (word_.exchange(contended, std::memory_order_acquire) != free)
            futex_wait(word_, contended, Deadline::never());
    }

    FutexWord word_{free};
};

}  // namespace concurrent::futures::inline v1::detail
