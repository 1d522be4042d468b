// SPDX-License-Identifier: MIT
//
// program_trace.hpp: CONCURRENT_FUTURES_TRACE=run.json, the trace of all pools of a program.
//
// The variable is read when the first pool is made. The trace ends when static objects are destroyed. Workers of process
// pools do not get the variable: what they do is in the trace of the program, and pools of their own are in none.
#pragma once

#include <memory>

#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/observer.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// The observer of a pool: that of its options, the trace of the program, both, or null.
CONCURRENT_FUTURES_DECL std::shared_ptr<Observer> with_program_trace(const std::shared_ptr<Observer>& observer);

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail

#if CONCURRENT_FUTURES_HEADER_ONLY
#include "concurrent/futures/impl/program_trace.hpp"
#endif
