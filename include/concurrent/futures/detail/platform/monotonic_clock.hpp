// SPDX-License-Identifier: MIT
//
// monotonic_clock.hpp: the monotonic clock as a number of nanoseconds, for memory that processes share.
//
//     std::int64_t now = monotonic_nanoseconds();
#pragma once

#include <cstdint>
#include <ctime>

#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// CLOCK_MONOTONIC, the same in all processes of a machine.
inline std::int64_t monotonic_nanoseconds() noexcept {
    std::timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
