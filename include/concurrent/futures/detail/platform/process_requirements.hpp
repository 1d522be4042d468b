// SPDX-License-Identifier: MIT
//
// process_requirements.hpp: one clear compiler error if processes or serialization cannot work; see requirements.hpp.
#pragma once

#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/requirements.hpp"

#if !CONCURRENT_FUTURES_HAS_PROCESSES
#error "concurrent_futures: process pools need a POSIX system: instead of concurrent/futures.hpp include the headers \
of threads, which work here: concurrent/futures/thread_pool_executor.hpp, wait.hpp, as_completed.hpp, when_all.hpp, \
coroutine.hpp, algorithm.hpp"
#include <concurrent_futures_stops_here_because_of_the_error_above>
#elif !defined(__cpp_rtti) && !defined(__GXX_RTTI) && !defined(_CPPRTTI)
#error "concurrent_futures: process pools and serialization need RTTI, as exceptions cross by their dynamic \
type: compile this file without -fno-rtti, or include thread_pool_executor.hpp only, which does without"
#include <concurrent_futures_stops_here_because_of_the_error_above>
#endif
