// SPDX-License-Identifier: MIT
//
// worker_number.hpp: the number of this process among the workers of the pool that started it.
//
// Written once, before a task or initializer runs. Threads: any, after that.
#pragma once

#include <cstddef>
#include <optional>

#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Empty: this process is no worker.
inline constinit std::optional<std::size_t> worker_number_of_this_process;

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
