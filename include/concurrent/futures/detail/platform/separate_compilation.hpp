// SPDX-License-Identifier: MIT
//
// separate_compilation.hpp: one clear compiler error where impl/src.hpp is included in a header-only program.
#pragma once

#include "concurrent/futures/detail/platform/config.hpp"

#if CONCURRENT_FUTURES_HEADER_ONLY
#error "concurrent_futures: impl/src.hpp is for programs whose files are all compiled with \
-DCONCURRENT_FUTURES_SEPARATE_COMPILATION; without it the headers are all there is: leave this file out"
#include <concurrent_futures_stops_here_because_of_the_error_above>
#endif
