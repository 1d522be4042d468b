// SPDX-License-Identifier: MIT
//
// shared_doorbell.hpp: one thread sleeps until another process has news for it. In memory that both map; zeros are a
// doorbell.
//
//     bell.prepare();                                   // the thread that will sleep
//     if (has_news()) bell.forget();
//     else bell.sleep(deadline);
//
//     publish(news);                                    // any thread of any process
//     bell.ring();
//
// No wake-up is lost: has_news() looks after prepare(), and ring() looks after the news are published. All four operations
// are sequentially consistent, so either the news are seen, or the bell is. Whoever rings in vain makes no system call.
//
// Linux: a futex that is not private to the process. Elsewhere: looks every ten milliseconds.
#pragma once

#include <cstdint>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/futex.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"

#if !CONCURRENT_FUTURES_LINUX
#include <poll.h>
#endif

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class SharedDoorbell {
  public:
    // By one thread at a time.

    void prepare() noexcept {
        // (1) seq_cst, pairs with (2): ring() sees this, or the look that follows sees what was published before ring().
        asleep_.store(1, std::memory_order_seq_cst);
    }
    void forget() noexcept {
        // relaxed: a ring that misses this wakes a thread that is awake, which does no harm.
        asleep_.store(0, std::memory_order_relaxed);
    }
    /// After prepare(). Returns when the bell rings, when the deadline has passed, or for no reason.
    void sleep(const Deadline& deadline) noexcept {
#if CONCURRENT_FUTURES_LINUX
        futex_wait_at(&asleep_, 1, deadline, 0);
#else
        if (!deadline.passed()) ::poll(nullptr, 0, tuning::unwatched_look_interval);
#endif
        forget();
    }

    // Any thread.

    void ring() noexcept {
        // (2) seq_cst, both: pair with (1). The load spares the exchange, which costs more.
        if (asleep_.load(std::memory_order_seq_cst) == 0 || asleep_.exchange(0, std::memory_order_seq_cst) == 0)  // (2)
            return;
#if CONCURRENT_FUTURES_LINUX
        futex_wake_at(&asleep_, 1, 0);
#endif
    }

  private:
    FutexWord asleep_{0};
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
