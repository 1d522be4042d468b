// SPDX-License-Identifier: MIT
//
// process_limits.hpp: how much of the processors this process may use: time, priority, which of them.
//
//     limit_own_cpu(10);                 // SIGXCPU after ten more seconds of processor time
//     set_own_niceness(10);
//     set_own_processors(std::array{0, 1});
//
// Each returns 0 or an errno. They apply to the calling process; threads and programs that it starts later inherit
// them. Threads: call them while the process has one thread.
#pragma once

#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <span>

#include "concurrent/futures/detail/platform/config.hpp"

#if CONCURRENT_FUTURES_LINUX
#include <sched.h>
#endif

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// From now on this process may use `seconds` more of processor time, and up to one second more, because the system
/// counts whole seconds; then SIGXCPU. The hard limit stays, so that the next call can move the end on.
inline int limit_own_cpu(std::int64_t seconds) noexcept {
    std::timespec used{};
    rlimit limit{};
    if (::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) != 0 || ::getrlimit(RLIMIT_CPU, &limit) != 0)
        return errno;
    // Bounded, so that the sum fits; more is no limit in practice.
    constexpr std::int64_t longest = 1'000'000'000;
    const auto wanted =
        static_cast<rlim_t>(used.tv_sec + (used.tv_nsec > 0) + static_cast<std::time_t>((std::min)(seconds, longest)));
    limit.rlim_cur = limit.rlim_max == RLIM_INFINITY ? wanted : (std::min)(wanted, limit.rlim_max);
    return ::setrlimit(RLIMIT_CPU, &limit) == 0 ? 0 : errno;
}

/// If the program ignores SIGXCPU, what it has forked does so, too, and a limit has no effect.
inline void obey_cpu_limit() noexcept { ::signal(SIGXCPU, SIG_DFL); }

/// -20, the most urgent, to 19. To go down takes a privilege.
inline int set_own_niceness(int niceness) noexcept {
    return ::setpriority(PRIO_PROCESS, 0, niceness) == 0 ? 0 : errno;
}

/// By their numbers, from 0.
inline int set_own_processors([[maybe_unused]] std::span<const int> processors) noexcept {
#if CONCURRENT_FUTURES_LINUX
    int highest = 0;
    for (const int processor : processors) {
        if (processor < 0 || processor > 1'000'000) return EINVAL;
        highest = (std::max)(highest, processor);
    }
    const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> set(
        CPU_ALLOC(static_cast<std::size_t>(highest) + 1), [](cpu_set_t* s) { CPU_FREE(s); });
    if (!set) return ENOMEM;
    const std::size_t size = CPU_ALLOC_SIZE(static_cast<std::size_t>(highest) + 1);
    CPU_ZERO_S(size, set.get());
    for (const int processor : processors) CPU_SET_S(static_cast<std::size_t>(processor), size, set.get());
    return ::sched_setaffinity(0, size, set.get()) == 0 ? 0 : errno;
#else
    return ENOSYS;
#endif
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
