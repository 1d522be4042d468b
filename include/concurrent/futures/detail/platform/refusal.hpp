// SPDX-License-Identifier: MIT
//
// refusal.hpp: for functions that exist only to say, as a compile error, what to write instead.
//
//     template <NumberWithoutUnit Number>
//     T result(Number) const {
//         refuse_number_without_unit<Number>();
//         return never_returned<T>();
//     }
//
// Where no overload fits, compilers list all of them, and what is wrong stands far below. An overload that takes the
// wrong call, and whose body is a static_assert, says it in the first line.
#pragma once

#include <type_traits>

#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

template <class...>
inline constexpr bool always_false = false;

/// Not defined: for a function that never compiles, but must not get a warning for its missing return.
template <class T>
T never_returned();

template <class T>
inline constexpr bool is_duration = false;
template <class Rep, class Period>
inline constexpr bool is_duration<std::chrono::duration<Rep, Period>> = true;

template <class T>
concept IsDuration = is_duration<std::remove_cvref_t<T>>;

/// 5 where 5s is meant.
template <class T>
concept NumberWithoutUnit = std::is_arithmetic_v<T>;

template <class Number>
consteval void refuse_number_without_unit() {
    static_assert(always_false<Number>,
                  "a duration needs a unit: write 5s, which is in std::chrono_literals, or "
                  "std::chrono::milliseconds(n)");
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
