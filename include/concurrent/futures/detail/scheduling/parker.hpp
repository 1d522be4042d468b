// SPDX-License-Identifier: MIT
//
// parker.hpp: where one worker sleeps until another thread wakes it.
//
//     worker                                   another thread
//     reset()
//     lies down on the idle stack
//                                              takes the worker off the idle stack
//     park(deadline)                           wake(), before or after park()
//
// A wake-up that comes before park() is not lost: park() returns at once. At most one wake() follows each reset().
#pragma once

#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/futex.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class Parker {
  public:
    void reset() noexcept {
        // relaxed: no thread wakes this worker until it is on the idle stack, which a mutex guards.
        awake_.store(0, std::memory_order_relaxed);
    }
    /// Returns when woken or when the deadline has passed.
    void park(const Deadline& deadline) noexcept {
        // (2) acquire, pairs with (1).
        while (awake_.load(std::memory_order_acquire) == 0 && !deadline.passed())
            futex_wait(awake_, 0, deadline);
    }
    void wake() noexcept {
        // (1) release, pairs with (2). The pool's mutex hands over the tasks. This hands over that the waker is done
        // with the worker, which may be destroyed then. The futex takes only the address.
        awake_.store(1, std::memory_order_release);
        futex_wake_one(&awake_);
    }

  private:
    FutexWord awake_{0};  // 1: woken
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
