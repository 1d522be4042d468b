// SPDX-License-Identifier: MIT
//
// field_count.hpp: how many fields a plain aggregate has, with no help from its author.
//
//     struct Point { int x; int y; };
//     detail::field_count<Point>;      // 2
//
// T{any, any, …} is tried with more and more initializers, where `any` converts to
// everything. A C array swallows one for each element, since its braces may be left out; but
// T{any, {}, any, …} with braces in its place leaves room for fewer, which gives its size away.
// Base classes count as fields too, and structured bindings cannot name theirs: unreadable.
#pragma once

#include <concepts>
#include <cstddef>
#include <exception>
#include <type_traits>
#include <utility>

#include <concurrent/futures/detail/serialization/bitwise.hpp>

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

inline constexpr std::size_t field_limit = 32;
/// Initializers tried, C arrays counted by their elements; larger arrays are for std::array.
inline constexpr std::size_t initializer_limit = 2048;
inline constexpr std::size_t unreadable = static_cast<std::size_t>(-1);

/// Converts to any field of T, but not to T itself, which would be its copy constructor. Never
/// called, but defined: the constexpr constructors of some fields are compiled with it.
template <class T>
struct AnyField {
    template <class Field>
    requires(!std::same_as<Field, T>) operator Field() const noexcept { std::terminate(); }
};

/// Converts to a base class of T and to nothing else.
template <class T>
struct AnyBase {
    template <class Base>
    requires(std::is_base_of_v<Base, T> && !std::same_as<Base, T>) operator Base() const noexcept {
        std::terminate();
    }
};

template <class T, std::size_t>
using Repeat = T;

template <class T, std::size_t... before>
consteval bool takes(std::index_sequence<before...>) {
    return requires { T{Repeat<AnyField<T>, before>()...}; };
}

template <class T, std::size_t... before, std::size_t... after>
consteval bool takes_braces(std::index_sequence<before...>, std::index_sequence<after...>) {
    return requires { T{Repeat<AnyField<T>, before>()..., {}, Repeat<AnyField<T>, after>()...}; };
}

template <class T, std::size_t... after>
consteval bool takes_base(std::index_sequence<after...>) {
    return requires { T{AnyBase<T>(), Repeat<AnyField<T>, after>()...}; };
}

/// The largest number in [low, high) that passes, where low passes and high does not.
template <class Test, std::size_t low, std::size_t high>
consteval std::size_t largest_passing() {
    constexpr std::size_t middle = low + (high - low) / 2;
    if constexpr (middle == low) {
        return low;
    } else if constexpr (Test::template passes<middle>()) {
        return largest_passing<Test, middle, high>();
    } else {
        return largest_passing<Test, low, middle>();
    }
}

template <class T>
struct TakesInitializers {
    template <std::size_t count>
    static consteval bool passes() {
        return takes<T>(std::make_index_sequence<count>());
    }
};

template <class T, std::size_t first>
struct TakesBracesAndThen {
    template <std::size_t after>
    static consteval bool passes() {
        return takes_braces<T>(std::make_index_sequence<first>(),
                               std::make_index_sequence<after>());
    }
};

/// The smallest number of initializers T takes: above 0 where a field has no default.
template <class T, std::size_t tried = 0>
consteval std::size_t fewest_initializers() {
    if constexpr (takes<T>(std::make_index_sequence<tried>())) {
        return tried;
    } else if constexpr (tried <= 2 * field_limit) {
        return fewest_initializers<T, tried + 1>();
    } else {
        return unreadable;
    }
}

/// The largest number of initializers T takes, which takes every number between the two.
template <class T, std::size_t passing, std::size_t step = 1>
consteval std::size_t most_initializers() {
    if constexpr (passing + step > initializer_limit) {
        return unreadable;
    } else if constexpr (takes<T>(std::make_index_sequence<passing + step>())) {
        return most_initializers<T, passing + step, 2 * step>();
    } else {
        return largest_passing<TakesInitializers<T>, passing, passing + step>();
    }
}

/// How many of `total` initializers the field at `first` takes for itself.
template <class T, std::size_t first, std::size_t total, std::size_t after = total - first - 1>
consteval std::size_t initializers_of_field() {
    using Test = TakesBracesAndThen<T, first>;
    if constexpr (Test::template passes<after>()) {
        return total - first - after;
    } else if constexpr (after == 0) {
        return 1;  // no array: a type that cannot be made from {}
    } else if constexpr (Test::template passes<0>()) {
        return total - first - largest_passing<Test, 0, after>();
    } else {
        return initializers_of_field<T, first, total, after - 1>();
    }
}

template <class T, std::size_t total, std::size_t first = 0>
consteval std::size_t count_fields() {
    if constexpr (first >= total) {
        return 0;
    } else {
        return 1 + count_fields<T, total, first + initializers_of_field<T, first, total>()>();
    }
}

template <class T>
consteval std::size_t find_field_count() {
    constexpr std::size_t fewest = fewest_initializers<T>();
    if constexpr (fewest == unreadable) {
        return unreadable;
    } else {
        constexpr std::size_t most = most_initializers<T, fewest>();
        if constexpr (most == unreadable || most == 0) {
            return most;
        } else if constexpr (takes_base<T>(std::make_index_sequence<most - 1>())) {
            return unreadable;
        } else {
            return count_fields<T, most>();
        }
    }
}

template <class T>
inline constexpr std::size_t field_count = find_field_count<T>();

/// A class that is nothing but its public fields.
template <class T>
concept PlainAggregate =
    std::is_class_v<T> && std::is_aggregate_v<T> && !is_std_array<T> && !HasUserCodec<T> &&
    !HasMemberSerialize<T> && !bitwise_serializable<T> && field_count<T> <= field_limit;

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
