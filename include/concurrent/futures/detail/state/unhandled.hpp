// SPDX-License-Identifier: MIT
//
// unhandled.hpp: the last resort for an exception that has no future to go to.
#pragma once

#include <exception>
#include <string>

#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/options.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Inside a handler: the type of what was thrown, as the source spells it.
CONCURRENT_FUTURES_DECL std::string thrown_type_name();

/// One line on stderr; the program goes on.
CONCURRENT_FUTURES_DECL void report_unhandled(const std::exception_ptr& error, const char* where) noexcept;

/// The user's hook where there is one. A hook that throws is itself reported.
CONCURRENT_FUTURES_DECL void report_unhandled(const UnhandledExceptionHook& hook, const std::exception_ptr& error,
                                              const char* where) noexcept;

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail

#if CONCURRENT_FUTURES_HEADER_ONLY
#include "concurrent/futures/impl/unhandled.hpp"
#endif
