// SPDX-License-Identifier: MIT
//
// descriptor_parts.hpp: does a value bring descriptors along when it crosses, as the ends of channels do?
//
//     has_channel_end<std::vector<Sender<int>>>       // true
//
// Looks into the fields and elements that the codecs know. What a user's Codec or serialize() writes cannot be seen.
#pragma once

#include <type_traits>

#include "concurrent/futures/detail/serialization/codec.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

template <class T>
inline constexpr bool is_channel_end = false;

template <class T, class... Outer>
consteval bool contains_channel_end();

template <class... Outer, class... Parts>
consteval bool one_contains_channel_end(TypeList<Parts...>) {
    return (false || ... || contains_channel_end<Parts, Outer...>());
}

/// Outer: the types that led here, so that recursive types end.
template <class T, class... Outer>
consteval bool contains_channel_end() {
    if constexpr (is_channel_end<T>)
        return true;
    else if constexpr (!std::is_object_v<T> || (std::is_same_v<T, Outer> || ...))
        return false;
    else
        return one_contains_channel_end<T, Outer...>(parts_of<T>());
}

template <class T>
inline constexpr bool has_channel_end = contains_channel_end<std::remove_cv_t<T>>();

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
