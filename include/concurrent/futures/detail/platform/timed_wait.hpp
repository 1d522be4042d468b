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
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <ctime>
#endif

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

// pthread_cond_clockwait() is called here, and not by the standard library: libc++ would convert the time with the
// program's own clock first.
#if CONCURRENT_FUTURES_LINUX && defined(__GLIBC__) && (__GLIBC__ > 2 || (__GLIBC__ == 2 && __GLIBC_MINOR__ >= 30))
#if defined(SYS_clock_gettime64)  // with 32 bits, whatever _TIME_BITS is
inline constexpr long clock_call = SYS_clock_gettime64;
#else
inline constexpr long clock_call = SYS_clock_gettime;
#endif

/// `deadline` on the clock by which the kernel counts. Only when not is_never().
inline std::chrono::nanoseconds on_the_kernels_clock(const Deadline& deadline) noexcept {
    struct {
        std::int64_t seconds, nanoseconds;
    } now{};
    if (::syscall(clock_call, CLOCK_MONOTONIC, &now) != 0)  // 32 bits and a kernel before 5.1
        return std::chrono::ceil<std::chrono::nanoseconds>(deadline.at().time_since_epoch());
    return std::chrono::seconds(now.seconds) + std::chrono::nanoseconds(now.nanoseconds) + deadline.left();
}
inline void wait_until(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, const Deadline& deadline) {
    const std::chrono::nanoseconds at = on_the_kernels_clock(deadline);
    const auto seconds = std::chrono::floor<std::chrono::seconds>(at);
    std::timespec time{};
    time.tv_sec = static_cast<std::time_t>(seconds.count());
    time.tv_nsec = static_cast<long>((at - seconds).count());
    ::pthread_cond_clockwait(changed.native_handle(), lock.mutex()->native_handle(), CLOCK_MONOTONIC, &time);
}
#else
inline void wait_until(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, const Deadline& deadline) {
    changed.wait_until(lock, deadline.at());
}
#endif

/// Returns when notified, when the deadline has passed, or for no reason at all.
inline void timed_wait(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, const Deadline& deadline) {
    if (deadline.is_never())
        changed.wait(lock);
    else
        wait_until(changed, lock, deadline);
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
