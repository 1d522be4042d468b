// SPDX-License-Identifier: MIT
//
// without_memory.hpp: makes an error text or an exception; if there is no memory for it, the result says so.
//
//     fail(task, error_or_why_not([&] { return WorkerDiedError(long_text(), …); }));     // or std::bad_alloc
//     break_pool(text_or_why_not([&] { return "…" + reason; }));                         // or "out of memory"
#pragma once

#include <exception>
#include <string>

#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

template <class MakeText>
std::string text_or_why_not(MakeText make_text) noexcept {
    try {
        return make_text();
    } catch (...) {
        return "out of memory";  // short enough to need no allocation
    }
}

/// The exception that `make_error()` returns, or the one that it throws.
template <class MakeError>
std::exception_ptr error_or_why_not(MakeError make_error) noexcept {
    try {
        return std::make_exception_ptr(make_error());
    } catch (...) {
        return std::current_exception();
    }
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
