// SPDX-License-Identifier: MIT
//
// asymmetric_barrier.hpp: a barrier between two threads of which one passes often and pays nothing.
//
//     often                               seldom
//     mine.store(…);                      theirs.store(…);
//     light_barrier();                    heavy_barrier();
//     if (theirs.load()) …                if (mine.load()) …       // at least one of the two sees the other's store
//
// heavy_barrier() makes every other thread of the process pass a full barrier (about a microsecond); light_barrier() only
// forbids the compiler to reorder. This is asymmetric_thread_fence of P1202. Check has_asymmetric_barrier() first.
//
// On Linux it is membarrier(). Where that is refused after it was granted (a filter for system calls set up since), the
// heavy side waits a millisecond instead: processors keep a store back for less than a microsecond.
#pragma once

#include <atomic>

#include "concurrent/futures/detail/platform/config.hpp"

#if CONCURRENT_FUTURES_LINUX
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#endif

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

// seq_cst, for the compiler alone: no store may move behind it and no load before it.
inline void light_barrier() noexcept { std::atomic_signal_fence(std::memory_order_seq_cst); }

#if CONCURRENT_FUTURES_LINUX && defined(SYS_membarrier)

// Of linux/membarrier.h, which old systems lack.
inline constexpr int barrier_of_this_process = 1 << 3, registration_for_it = 1 << 4;

/// Asks the kernel once.
inline bool has_asymmetric_barrier() noexcept {
    static const bool granted = ::syscall(SYS_membarrier, registration_for_it, 0, 0) == 0 &&
                                ::syscall(SYS_membarrier, barrier_of_this_process, 0, 0) == 0;
    return granted;
}
/// Only where has_asymmetric_barrier().
inline void heavy_barrier() noexcept {
    light_barrier();
    if (::syscall(SYS_membarrier, barrier_of_this_process, 0, 0) != 0) {
        // The child of a fork() may have to register again.
        if (::syscall(SYS_membarrier, registration_for_it, 0, 0) != 0 ||
            ::syscall(SYS_membarrier, barrier_of_this_process, 0, 0) != 0) {
            const timespec millisecond{0, 1'000'000};
            ::nanosleep(&millisecond, nullptr);
        }
    }
    light_barrier();
}

#else

inline bool has_asymmetric_barrier() noexcept { return false; }
inline void heavy_barrier() noexcept {}

#endif

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
