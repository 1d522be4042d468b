// SPDX-License-Identifier: MIT
//
// function.hpp: std::function, and invoke(), which is called as detail::invoke, so that no function of the user is found
// instead.
#pragma once

#include <version>  // names the standard library

#if defined(__GLIBCXX__) && __has_include(<bits/std_function.h>) && __has_include(<bits/invoke.h>)
#define CONCURRENT_FUTURES_INVOKE std::__invoke
#include <bits/invoke.h>
#include <bits/std_function.h>  // <functional> is ten times as long
#else
#define CONCURRENT_FUTURES_INVOKE std::invoke
#include <functional>
#endif

#include <utility>

#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// std::invoke: functions, function objects, pointers to members.
template <class Callable, class... Args>
decltype(auto) invoke(Callable&& callable, Args&&... args) {
    return CONCURRENT_FUTURES_INVOKE(std::forward<Callable>(callable), std::forward<Args>(args)...);
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail

#undef CONCURRENT_FUTURES_INVOKE
