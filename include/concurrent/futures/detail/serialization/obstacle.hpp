// SPDX-License-Identifier: MIT
//
// obstacle.hpp: why a type cannot cross to another process, and what to write instead.
//
//     static_assert(detail::is_decodable<Report>);      // looks into fields and elements too
//     detail::require_serializable<Report>();           // fails to compile, naming the culprit
//
// find_obstacle walks the Parts of the codecs depth first and stops at the first type without
// code. A type that is being walked already counts as good, so recursive types end. The text of
// the failure is chosen by explain_obstacle; the compiler names the culprit as its argument.
#pragma once

#include <initializer_list>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>

#include "concurrent/futures/detail/platform/refusal.hpp"
#include "concurrent/futures/detail/serialization/codec.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

enum class Direction { encode, decode };

template <Direction direction, class T>
consteval bool has_code() {
    if constexpr (direction == Direction::encode) {
        return HasEncode<T>;
    } else {
        return HasDecode<T>;
    }
}

/// The first type that cannot cross, or void. Outer is the path of types that led here.
template <Direction direction, class T, class... Outer>
consteval auto find_obstacle();

template <Direction direction, class... Outer>
consteval auto find_obstacle_in(TypeList<>) {
    return std::type_identity<void>();
}

template <Direction direction, class... Outer, class First, class... Rest>
consteval auto find_obstacle_in(TypeList<First, Rest...>) {
    using Found = decltype(find_obstacle<direction, First, Outer...>());
    if constexpr (std::is_void_v<typename Found::type>) {
        return find_obstacle_in<direction, Outer...>(TypeList<Rest...>());
    } else {
        return Found();
    }
}

template <Direction direction, class T, class... Outer>
consteval auto find_obstacle() {
    if constexpr ((std::is_same_v<T, Outer> || ...)) {
        return std::type_identity<void>();
    } else if constexpr (!has_code<direction, T>()) {
        return std::type_identity<T>();
    } else {
        return find_obstacle_in<direction, T, Outer...>(parts_of<T>());
    }
}

template <Direction direction, class T>
using Obstacle = typename decltype(find_obstacle<direction, T>())::type;

template <class T>
inline constexpr bool is_encodable = std::is_void_v<Obstacle<Direction::encode, T>>;

template <class T>
inline constexpr bool is_decodable = std::is_void_v<Obstacle<Direction::decode, T>>;

// void stands for "no obstacle" above, so it has to be answered here.
template <>
inline constexpr bool is_encodable<void> = false;
template <>
inline constexpr bool is_decodable<void> = false;

template <class T>
inline constexpr bool is_character =
    std::is_same_v<T, char> || std::is_same_v<T, wchar_t> || std::is_same_v<T, char8_t> ||
    std::is_same_v<T, char16_t> || std::is_same_v<T, char32_t>;

template <class T>
inline constexpr bool is_view = false;
template <class C, class Traits>
inline constexpr bool is_view<std::basic_string_view<C, Traits>> = true;
template <class E, std::size_t extent>
inline constexpr bool is_view<std::span<E, extent>> = true;
template <class E>
inline constexpr bool is_view<std::initializer_list<E>> = true;

template <class T>
inline constexpr bool is_owning_pointer = false;
template <class E, class Deleter>
inline constexpr bool is_owning_pointer<std::unique_ptr<E, Deleter>> = true;
template <class E>
inline constexpr bool is_owning_pointer<std::shared_ptr<E>> = true;

template <class T>
concept ReferenceWrapper = requires(const T& value) {
    typename T::type;
    { value.get() } -> std::same_as<typename T::type&>;
    requires std::is_convertible_v<T, typename T::type&>;
    requires !is_owning_pointer<T>;
};

template <class T>
concept FunctionObject = std::is_class_v<T> && requires {
    &T::operator();
};

/// Fails to compile with the advice that fits T. Only called for a T that cannot cross.
template <class T>
consteval void explain_obstacle() {
    using Pointee = std::remove_cv_t<std::remove_pointer_t<T>>;
    using Element = std::remove_cv_t<std::remove_extent_t<T>>;
    if constexpr (std::is_reference_v<T> || ReferenceWrapper<T>) {
        static_assert(always_false<T>,
                      "a reference means nothing in another process: write the type itself, "
                      "so that the value crosses");
    } else if constexpr (std::is_pointer_v<T> && is_character<Pointee>) {
        static_assert(always_false<T>,
                      "const char* points into this process: write std::string, "
                      "for example std::string(\"text\")");
    } else if constexpr (std::is_array_v<T> && is_character<Element>) {
        static_assert(always_false<T>,
                      "a string literal or character array: write std::string, "
                      "for example std::string(\"text\")");
    } else if constexpr (std::is_array_v<T>) {
        static_assert(always_false<T>,
                      "a C array cannot cross by itself: write std::array or std::vector");
    } else if constexpr (std::is_pointer_v<T> || std::is_member_pointer_v<T>) {
        static_assert(always_false<T>,
                      "a raw pointer means nothing in another process: pass the object by value, "
                      "std::unique_ptr or std::shared_ptr (both cross by value), std::vector for "
                      "an array, or SharedArray for memory that both sides map");
    } else if constexpr (is_view<T>) {
        static_assert(always_false<T>,
                      "a view owns nothing, so it cannot be a result or a stored value: write "
                      "std::string or std::vector (parameters may be std::string_view and "
                      "std::span<const T> of arithmetic T)");
    } else if constexpr (is_owning_pointer<T>) {
        static_assert(always_false<T>,
                      "this smart pointer cannot cross: for an array write std::vector; a custom "
                      "deleter or a polymorphic class that is not final (its derived part would "
                      "be lost) needs a specialisation of concurrent::futures::Codec for the "
                      "pointer type");
    } else if constexpr (HasUserCodec<T>) {
        static_assert(always_false<T>,
                      "Codec<T> needs exactly `static void encode(Encoder&, const T&)` and "
                      "`static T decode(Decoder&)`, both public");
    } else if constexpr (HasMemberSerialize<T>) {
        static_assert(always_false<T>,
                      "serialize(archive) fills an object that exists already: give T a default "
                      "constructor, or specialise concurrent::futures::Codec<T>");
    } else if constexpr (FunctionObject<T>) {
        static_assert(always_false<T>,
                      "a lambda with captures or a std::function cannot cross, for its captures "
                      "cannot be seen: pass them as arguments, or write a struct with these "
                      "values as public members and an operator()");
    } else if constexpr (std::is_union_v<T>) {
        static_assert(always_false<T>, "a union does not say what it holds: write std::variant");
    } else {
        static_assert(always_false<T>,
                      "this type cannot cross to another process. Four ways to fix it: (1) make "
                      "it a plain aggregate: at most 32 public members that can cross, no base "
                      "class, no constructor, no C array beyond 2000 elements; (2) give it a "
                      "member `template <class A> void serialize(A& archive) { archive(a, b); }` "
                      "and a default constructor; (3) specialise concurrent::futures::Codec<T>; "
                      "(4) convert it to one of the types listed in "
                      "<concurrent/futures/serialization.hpp>");
    }
}

/// Compiles if T can be encoded; otherwise says which part of T cannot, and what to write.
template <class T>
consteval void require_encodable() {
    if constexpr (!is_encodable<T>) explain_obstacle<Obstacle<Direction::encode, T>>();
}

/// Compiles if T can be decoded into a value that owns itself.
template <class T>
consteval void require_decodable() {
    if constexpr (!is_decodable<T>) explain_obstacle<Obstacle<Direction::decode, T>>();
}

/// Both directions, one message.
template <class T>
consteval void require_serializable() {
    // Not by way of the two above: compilers print a line for each function before they come to the message.
    if constexpr (!is_encodable<T>)
        explain_obstacle<Obstacle<Direction::encode, T>>();
    else if constexpr (!is_decodable<T>)
        explain_obstacle<Obstacle<Direction::decode, T>>();
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
