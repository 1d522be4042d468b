// SPDX-License-Identifier: MIT
//
// unhandled.hpp: the last resort for an exception that has no future to go to.
#pragma once

#include <cstdio>
#include <exception>

#include "concurrent/futures/detail/platform/demangle.hpp"
#include "concurrent/futures/options.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// One line on stderr; the program goes on.
inline void report_unhandled(const std::exception_ptr& error, const char* where) noexcept {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& e) {
        try {
            std::fprintf(stderr, "concurrent::futures: unhandled exception in %s: %s: %s\n", where,
                         current_exception_type_name().c_str(), e.what());
        } catch (...) {
            std::fprintf(stderr, "concurrent::futures: unhandled exception in %s\n", where);
        }
    } catch (...) {
        std::fprintf(stderr, "concurrent::futures: unhandled exception in %s: not a std::exception\n",
                     where);
    }
}

/// The user's hook where there is one. A hook that throws is itself reported.
inline void report_unhandled(const UnhandledExceptionHook& hook, const std::exception_ptr& error,
                             const char* where) noexcept {
    if (!hook) return report_unhandled(error, where);
    try {
        hook(error);
    } catch (...) {
        report_unhandled(std::current_exception(), "the on_unhandled_exception hook");
    }
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
