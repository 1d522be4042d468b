// SPDX-License-Identifier: MIT
//
// assert.hpp: assertions of the library about itself.
//
//     CONCURRENT_FUTURES_ASSERT(state == State::idle);
//
// On with -DCONCURRENT_FUTURES_ASSERTIONS=1, as in all presets for tests: a false condition is printed with its place,
// and the program is aborted. Otherwise the condition is compiled but never evaluated, and costs nothing. NDEBUG does
// not decide, because programs built with and without it are linked together; the option here changes the name of the
// inline namespace (config.hpp), so that the linker refuses a mixture.
#pragma once

#include <cstdio>
#include <cstdlib>

#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Not a function of the standard library's assert(): that one depends on NDEBUG.
[[noreturn]] inline void assertion_failed(const char* condition, const char* file, int line) noexcept {
    std::fprintf(stderr, "%s:%d: concurrent_futures: assertion failed: %s\n", file, line, condition);
    std::abort();
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail

#if CONCURRENT_FUTURES_ASSERTIONS
#define CONCURRENT_FUTURES_ASSERT(...)  \
    (static_cast<bool>(__VA_ARGS__) ? static_cast<void>(0) \
                                    : ::concurrent::futures::detail::assertion_failed(#__VA_ARGS__, __FILE__, __LINE__))
#else
#define CONCURRENT_FUTURES_ASSERT(...) static_cast<void>(sizeof(static_cast<bool>(__VA_ARGS__)))
#endif
