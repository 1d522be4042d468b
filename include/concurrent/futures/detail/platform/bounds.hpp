// SPDX-License-Identifier: MIT
//
// bounds.hpp: the smaller, the larger, and what lies between.
//
//     smaller(a, b, c); larger(a, b); clamped(value, least, most);
//
// std::min, std::max and std::clamp are in <algorithm>, with a lot of what costs to compile: a tenth of <future>.
#pragma once

#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// The smallest, where there are more than two.
template <class T>
constexpr T smaller(T a) noexcept {
    return a;
}
template <class T, class... Ts>
constexpr T smaller(T a, T b, Ts... more) noexcept {
    return smaller(b < a ? b : a, more...);
}
template <class T>
constexpr T larger(T a, T b) noexcept {
    return a < b ? b : a;
}
/// `least` where there is nothing between.
template <class T>
constexpr T clamped(T value, T least, T most) noexcept {
    return value < least ? least : smaller(value, larger(least, most));
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
