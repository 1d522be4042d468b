// SPDX-License-Identifier: MIT
//
// requirements.hpp: one clear compiler error if the library cannot work. Public headers include it first.
//
// The include after an #error names no file: it ends the compilation, so that no useless errors follow.
#pragma once

#if defined(_MSVC_LANG) ? _MSVC_LANG < 202002L : __cplusplus < 202002L
#error "concurrent_futures needs C++20: compile with -std=c++20 or later"
#include <concurrent_futures_stops_here_because_of_the_error_above>
#elif !defined(__cpp_exceptions) && !defined(__EXCEPTIONS) && !defined(_CPPUNWIND)
#error "concurrent_futures needs exceptions, as futures carry them: compile without -fno-exceptions"
#include <concurrent_futures_stops_here_because_of_the_error_above>
#endif

#include <version>

#if defined(_LIBCPP_VERSION) && !defined(__cpp_lib_jthread)
#error "concurrent_futures needs std::stop_token, which libc++ has from version 18 on with -fexperimental-library: \
compile with that, or with -stdlib=libstdc++"
#include <concurrent_futures_stops_here_because_of_the_error_above>
#endif
