// SPDX-License-Identifier: MIT
//
// call_limits.hpp: the limit of processor time that WorkerLimits sets for each task of a worker, renewed before each call.
//
// WorkerLimits (worker_limits.hpp) runs as the initializer of a worker, or in it. Threads: the worker's only one.
#pragma once

#include <cstdint>

#include "concurrent/futures/detail/platform/process_limits.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// For each call in this process, if it is a worker. 0: no limit.
inline constinit std::int64_t cpu_seconds_per_call = 0;

inline void renew_call_limits() noexcept {
    if (cpu_seconds_per_call != 0) limit_own_cpu(cpu_seconds_per_call);
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
