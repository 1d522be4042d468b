// SPDX-License-Identifier: MIT
//
// cycle_counter.hpp: a clock for lengths of less than a microsecond: cheap to read, of unknown unit.
//
// On x86 the time stamp counter, 2 to 5 ticks a nanosecond, read in a third of the time that steady_clock
// takes, which matters to loops that last a microsecond. Elsewhere nanoseconds.
#pragma once

#include <cstdint>

#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))

inline std::uint64_t cycle_count() noexcept { return __builtin_ia32_rdtsc(); }

#else

inline std::uint64_t cycle_count() noexcept {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                          std::chrono::steady_clock::now().time_since_epoch())
                                          .count());
}

#endif

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
