// SPDX-License-Identifier: MIT
//
// process_number.hpp: the number of this process, for people and for files that they read.
#pragma once

#include "concurrent/futures/detail/platform/config.hpp"

#if CONCURRENT_FUTURES_HAS_PROCESSES
#include <unistd.h>
#endif

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Where this library knows no processes: 1.
inline long number_of_this_process() noexcept {
#if CONCURRENT_FUTURES_HAS_PROCESSES
    return static_cast<long>(::getpid());
#else
    return 1;
#endif
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
