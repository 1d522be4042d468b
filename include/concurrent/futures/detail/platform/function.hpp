// SPDX-License-Identifier: MIT
//
// function.hpp: std::function, and invoke(), which is called as detail::invoke, so that no function of the user is found
// instead.
#pragma once

#include <functional>
#include <utility>

#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// std::invoke: functions, function objects, pointers to members.
template <class Callable, class... Args>
decltype(auto) invoke(Callable&& callable, Args&&... args) {
    return std::invoke(std::forward<Callable>(callable), std::forward<Args>(args)...);
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
