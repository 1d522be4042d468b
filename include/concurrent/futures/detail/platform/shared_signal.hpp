// SPDX-License-Identifier: MIT
//
// shared_signal.hpp: a counter in memory that two processes map. A thread of one process sleeps until the other process
// raises the counter.
//
//     const std::uint32_t seen = signal.count();           // in one process
//     while (!asked()) signal.wait_beyond(seen);           // false wake-ups are allowed
//
//     ask();
//     signal.raise();                                      // in the other
//
// The counter may wrap around. A wake-up would be lost only if raise() was called exactly 2^32 times between count()
// and wait_beyond(). The other process makes one request at a time, so it does not get that far.
//
// Linux: a futex that is not private to the process. Elsewhere: looks every ten milliseconds, because
// POSIX has nothing of the kind that a killed process cannot leave locked.
#pragma once

#include <cstdint>
#include <limits>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"

#if CONCURRENT_FUTURES_LINUX
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#else
#include <poll.h>
#endif

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class SharedSignal {
  public:
    std::uint32_t count() const noexcept {
        // (1) acquire, pairs with (2): what was done before that raise() can be seen.
        return count_.load(std::memory_order_acquire);
    }
    void raise() noexcept {
        // (2) release, pairs with (1).
        count_.fetch_add(1, std::memory_order_release);
#if CONCURRENT_FUTURES_LINUX
        ::syscall(SYS_futex, &count_, FUTEX_WAKE, (std::numeric_limits<int>::max)(), nullptr, nullptr, 0);
#endif
    }
    /// Returns when the count is another one, or for no reason at all.
    void wait_beyond(std::uint32_t seen) const noexcept {
#if CONCURRENT_FUTURES_LINUX
        ::syscall(SYS_futex, &count_, FUTEX_WAIT, seen, nullptr, nullptr, 0);
#else
        if (count() == seen) ::poll(nullptr, 0, tuning::unwatched_look_interval);
#endif
    }

  private:
    Atomic<std::uint32_t> count_{0};
};

static_assert(sizeof(SharedSignal) == 4 && Atomic<std::uint32_t>::is_always_lock_free,
              "shared between processes");

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
