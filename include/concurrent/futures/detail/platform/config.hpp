// SPDX-License-Identifier: MIT
//
// config.hpp: what the compiler, the system and the sanitizers offer, as constants.
//
// All preprocessor conditionals about platforms live in this folder.
#pragma once

#define CONCURRENT_FUTURES_VERSION 100  // major * 10000 + minor * 100 + patch

#if defined(__unix__) || (defined(__APPLE__) && defined(__MACH__))
#define CONCURRENT_FUTURES_HAS_PROCESSES 1
#else
#define CONCURRENT_FUTURES_HAS_PROCESSES 0
#endif

#if defined(__linux__)
#define CONCURRENT_FUTURES_LINUX 1
#else
#define CONCURRENT_FUTURES_LINUX 0
#endif

#if defined(__SANITIZE_THREAD__)
#define CONCURRENT_FUTURES_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CONCURRENT_FUTURES_TSAN 1
#endif
#endif
#ifndef CONCURRENT_FUTURES_TSAN
#define CONCURRENT_FUTURES_TSAN 0
#endif

// With a sanitizer every call is an allocation of its own, so that it can watch each.
#if CONCURRENT_FUTURES_TSAN || defined(__SANITIZE_ADDRESS__)
#define CONCURRENT_FUTURES_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define CONCURRENT_FUTURES_SANITIZED 1
#endif
#endif
#ifndef CONCURRENT_FUTURES_SANITIZED
#define CONCURRENT_FUTURES_SANITIZED 0
#endif
