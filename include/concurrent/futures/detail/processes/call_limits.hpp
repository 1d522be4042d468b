// SPDX-License-Identifier: MIT
//
// call_limits.hpp: what a worker process renews before each call. Set by WorkerLimits, which runs as or in
// the initializer.
//
// Threads: a worker's one.
#pragma once

#include <cstdint>

#include "concurrent/futures/detail/platform/process_limits.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Of this process, if it is a worker. 0: no limit.
inline constinit std::int64_t cpu_seconds_per_call = 0;

inline void renew_call_limits() noexcept {
    if (cpu_seconds_per_call != 0) limit_own_cpu(cpu_seconds_per_call);
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
