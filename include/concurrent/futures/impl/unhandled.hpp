// SPDX-License-Identifier: MIT
//
// impl/unhandled.hpp: exceptions that nobody gets; see impl/src.hpp.
#pragma once

#include <cstdio>
#include <exception>
#include <string>

#include "concurrent/futures/detail/platform/demangle.hpp"
#include "concurrent/futures/detail/state/unhandled.hpp"
#include "concurrent/futures/options.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

CONCURRENT_FUTURES_DECL std::string thrown_type_name() { return current_exception_type_name(); }

CONCURRENT_FUTURES_DECL void report_unhandled(const std::exception_ptr& error, const char* where) noexcept {
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

CONCURRENT_FUTURES_DECL void report_unhandled(const UnhandledExceptionHook& hook, const std::exception_ptr& error,
                                              const char* where) noexcept {
    if (!hook) return report_unhandled(error, where);
    try {
        hook(error);
    } catch (...) {
        report_unhandled(std::current_exception(), "the on_unhandled_exception hook");
    }
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
