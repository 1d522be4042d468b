// SPDX-License-Identifier: MIT
//
// deadline.hpp: how long a test may wait, stretched when a sanitizer slows everything down.
//
//     if (!changed.wait_for(lock, support::deadline(30s), [&] { return ready; })) …
//
// A deadline turns a hang into a failure with a reason. It is never part of a test's meaning:
// a test that is right passes without waiting for one.
#pragma once

#include <chrono>

namespace support {

#if defined(__has_feature)
#define CONCURRENT_FUTURES_TEST_HAS_FEATURE(name) __has_feature(name)
#else
#define CONCURRENT_FUTURES_TEST_HAS_FEATURE(name) 0
#endif

#if defined(__SANITIZE_THREAD__) || CONCURRENT_FUTURES_TEST_HAS_FEATURE(thread_sanitizer)
inline constexpr bool thread_sanitized = true;
#else
inline constexpr bool thread_sanitized = false;
#endif

#if defined(__SANITIZE_ADDRESS__) || CONCURRENT_FUTURES_TEST_HAS_FEATURE(address_sanitizer)
inline constexpr bool address_sanitized = true;
#else
inline constexpr bool address_sanitized = false;
#endif

inline constexpr bool sanitized = thread_sanitized || address_sanitized;

/// `normally`, four times as long under a sanitizer.
constexpr std::chrono::milliseconds deadline(std::chrono::milliseconds normally) {
    return sanitized ? 4 * normally : normally;
}

}  // namespace support
