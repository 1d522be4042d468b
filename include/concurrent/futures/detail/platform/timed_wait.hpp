// SPDX-License-Identifier: MIT
//
// timed_wait.hpp: waits for a condition variable until a deadline, right in a program whose steady clock was replaced.
//
//     const bool ready = timed_wait(changed, lock, deadline, [&] { return ready_; });
//
// libfaketime gives a program the time of day as CLOCK_MONOTONIC, while the kernel counts a timed wait by its own clock:
// such a wait ends decades late. So the kernel is told a time on its own clock, asked for by a system call.
#pragma once

#include <condition_variable>
#include <mutex>

#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"

#if CONCURRENT_FUTURES_LINUX
#include <sys/syscall.h>
#include <unistd.h>

#include <ctime>
#endif

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// `deadline` on the clock by which the kernel counts. Only when not is_never().
inline Deadline::Clock::time_point on_the_kernels_clock(const Deadline& deadline) noexcept {
    // libstdc++ hands such a time to the kernel as it is; the other standard libraries convert it, and so it is left.
#if CONCURRENT_FUTURES_LINUX && defined(_GLIBCXX_USE_PTHREAD_COND_CLOCKWAIT) && defined(SYS_clock_gettime)
    std::timespec now{};
    if (sizeof(long) == 8 && ::syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now) == 0)
        return Deadline::Clock::time_point(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec)) +
               deadline.left();
#endif
    return deadline.at();
}

/// Returns when notified, when the deadline has passed, or for no reason at all.
inline void timed_wait(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, const Deadline& deadline) {
    if (deadline.is_never())
        changed.wait(lock);
    else
        changed.wait_until(lock, on_the_kernels_clock(deadline));
}
/// What `done()` says in the end: false only when the deadline has passed.
template <class Done>
bool timed_wait(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, const Deadline& deadline,
                const Done& done) {
    while (!done()) {
        if (deadline.passed()) return false;
        timed_wait(changed, lock, deadline);
    }
    return true;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
