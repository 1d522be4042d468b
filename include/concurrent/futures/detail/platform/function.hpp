// SPDX-License-Identifier: MIT
//
// function.hpp: std::function and invoke() without the rest of <functional>.
//
// In libstdc++, <functional> brings the hash maps, vectors and algorithms that its searchers need: a third
// again on top of <future>, in every file that includes us. <future> itself includes only this part.
#pragma once

#include <tuple>
#include <utility>
#include <version>

#if defined(__GLIBCXX__)
#include <bits/std_function.h>
#else
#include <functional>
#endif

#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// std::invoke: functions, function objects, pointers to members.
template <class Callable, class... Args>
decltype(auto) invoke(Callable&& callable, Args&&... args) {
    return std::apply(std::forward<Callable>(callable),
                      std::forward_as_tuple(std::forward<Args>(args)...));
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
