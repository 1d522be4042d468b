// SPDX-License-Identifier: MIT
//
// config.hpp: what the compiler, the system and the sanitizers offer, as constants; the name of the inline namespace.
//
// All preprocessor conditionals about platforms live in this folder.
#pragma once

#include <version>  // names the standard library

#include "concurrent/futures/version.hpp"

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

// ---- sanitizers ----------------------------------------------------------------------------------
// g++ has a macro for each, clang __has_feature. Under a sanitizer every task is an allocation of its own, so that
// the sanitizer sees each.
#if defined(__has_feature)
#define CONCURRENT_FUTURES_HAS_FEATURE(name) __has_feature(name)
#else
#define CONCURRENT_FUTURES_HAS_FEATURE(name) 0
#endif

#if defined(__SANITIZE_THREAD__) || CONCURRENT_FUTURES_HAS_FEATURE(thread_sanitizer)
#define CONCURRENT_FUTURES_TSAN 1
#define CONCURRENT_FUTURES_ABI_SANITIZER _tsan
#else
#define CONCURRENT_FUTURES_TSAN 0
#if defined(__SANITIZE_ADDRESS__) || CONCURRENT_FUTURES_HAS_FEATURE(address_sanitizer)
#define CONCURRENT_FUTURES_ABI_SANITIZER _asan
#elif defined(__SANITIZE_HWADDRESS__) || CONCURRENT_FUTURES_HAS_FEATURE(hwaddress_sanitizer)
#define CONCURRENT_FUTURES_ABI_SANITIZER _hwasan
#elif CONCURRENT_FUTURES_HAS_FEATURE(memory_sanitizer)
#define CONCURRENT_FUTURES_ABI_SANITIZER _msan
#endif
#endif
#if defined(CONCURRENT_FUTURES_ABI_SANITIZER)
#define CONCURRENT_FUTURES_SANITIZED 1
#define CONCURRENT_FUTURES_ABI_TAGGED
#else
#define CONCURRENT_FUTURES_SANITIZED 0
#define CONCURRENT_FUTURES_ABI_SANITIZER
#endif

// ---- the inline namespace ------------------------------------------------------------------------
// v1, and a tag for every option that changes the layout or the code of the library: v1_asan, v1_tsan_nortti, …
// Object files compiled with different ones cannot exchange futures and pools. The tags turn that into an error of the
// linker, which names both: "undefined reference to f(concurrent::futures::v1::ThreadPoolExecutor&)".
#if defined(__cpp_rtti) || defined(__GXX_RTTI) || defined(_CPPRTTI)
#define CONCURRENT_FUTURES_ABI_RTTI
#else
#define CONCURRENT_FUTURES_ABI_RTTI _nortti
#define CONCURRENT_FUTURES_ABI_TAGGED
#endif

// The containers of libstdc++ have another layout with each of these. libc++ has containers of its own.
#if defined(_GLIBCXX_DEBUG)
#define CONCURRENT_FUTURES_ABI_CONTAINERS _debug
#define CONCURRENT_FUTURES_ABI_TAGGED
#elif defined(_LIBCPP_VERSION)
#define CONCURRENT_FUTURES_ABI_CONTAINERS _libcpp
#define CONCURRENT_FUTURES_ABI_TAGGED
#else
#define CONCURRENT_FUTURES_ABI_CONTAINERS
#endif
#if defined(_GLIBCXX_USE_CXX11_ABI) && _GLIBCXX_USE_CXX11_ABI == 0
#define CONCURRENT_FUTURES_ABI_STRING _oldstring
#define CONCURRENT_FUTURES_ABI_TAGGED
#else
#define CONCURRENT_FUTURES_ABI_STRING
#endif

// A 32-bit program may have time_t in 64 bits, and timespec with it.
#if defined(_TIME_BITS) && _TIME_BITS == 64 && !defined(__LP64__)
#define CONCURRENT_FUTURES_ABI_TIME _time64
#define CONCURRENT_FUTURES_ABI_TAGGED
#else
#define CONCURRENT_FUTURES_ABI_TIME
#endif

// Assertions of the library about itself: assert.hpp.
#if defined(CONCURRENT_FUTURES_ASSERTIONS) && CONCURRENT_FUTURES_ASSERTIONS + 0
#define CONCURRENT_FUTURES_ABI_ASSERTIONS _assertions
#define CONCURRENT_FUTURES_ABI_TAGGED
#else
#undef CONCURRENT_FUTURES_ASSERTIONS
#define CONCURRENT_FUTURES_ASSERTIONS 0
#define CONCURRENT_FUTURES_ABI_ASSERTIONS
#endif

// Atomics of a model checker: atomic.hpp.
#if defined(CONCURRENT_FUTURES_MODEL)
#define CONCURRENT_FUTURES_ABI_ATOMICS _model
#undef CONCURRENT_FUTURES_SANITIZED  // it watches what is freed, as sanitizers do
#define CONCURRENT_FUTURES_SANITIZED 1
#define CONCURRENT_FUTURES_ABI_TAGGED
#else
#define CONCURRENT_FUTURES_ABI_ATOMICS
#endif

// ---- separate compilation ------------------------------------------------------------------------
// With CONCURRENT_FUTURES_SEPARATE_COMPILATION the headers only declare what is no template and not called often, and
// one source file of the program includes impl/src.hpp, which defines it. Otherwise each header of impl/ is included at
// the end of the header that declares its functions, and they are inline.
#if defined(CONCURRENT_FUTURES_SEPARATE_COMPILATION) && CONCURRENT_FUTURES_SEPARATE_COMPILATION + 0
#define CONCURRENT_FUTURES_HEADER_ONLY 0
#define CONCURRENT_FUTURES_DECL
#define CONCURRENT_FUTURES_ABI_COMPILATION _separate
#define CONCURRENT_FUTURES_ABI_TAGGED
#else
#define CONCURRENT_FUTURES_HEADER_ONLY 1
#define CONCURRENT_FUTURES_DECL inline
#define CONCURRENT_FUTURES_ABI_COMPILATION
#endif

#define CONCURRENT_FUTURES_ABI_PASTE(version, a, b, c, d, e, f, g, h) version##a##b##c##d##e##f##g##h
#define CONCURRENT_FUTURES_ABI_NAME(...) CONCURRENT_FUTURES_ABI_PASTE(__VA_ARGS__)
#define CONCURRENT_FUTURES_ABI                                                                                   \
    CONCURRENT_FUTURES_ABI_NAME(v1, CONCURRENT_FUTURES_ABI_SANITIZER, CONCURRENT_FUTURES_ABI_RTTI,               \
                                CONCURRENT_FUTURES_ABI_CONTAINERS, CONCURRENT_FUTURES_ABI_STRING,                \
                                CONCURRENT_FUTURES_ABI_TIME, CONCURRENT_FUTURES_ABI_ASSERTIONS, CONCURRENT_FUTURES_ABI_ATOMICS,  \
                                CONCURRENT_FUTURES_ABI_COMPILATION)
#define CONCURRENT_FUTURES_ABI_QUOTED(name) #name
#define CONCURRENT_FUTURES_ABI_STRINGIFIED(name) CONCURRENT_FUTURES_ABI_QUOTED(name)
#define CONCURRENT_FUTURES_ABI_TEXT CONCURRENT_FUTURES_ABI_STRINGIFIED(CONCURRENT_FUTURES_ABI)

// A parameter's type is part of a function's name for the linker, its result is not: `cf::Future<int> f()` needs the
// attribute. The untagged v1 goes without, so that functions keep their plain names there.
#if defined(CONCURRENT_FUTURES_ABI_TAGGED) && defined(__GNUC__)
namespace concurrent::futures {
inline namespace CONCURRENT_FUTURES_ABI __attribute__((__abi_tag__)) {}
}  // namespace concurrent::futures
#endif
