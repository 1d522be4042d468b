// SPDX-License-Identifier: MIT
//
// bitwise.hpp: the types whose bytes may be copied as they are.
//
// Copying is right for a type without padding, which would leak what the memory held before,
// without pointers, and without values that are undefined behaviour to hold. So it is not for
// bool (0 and 1 only), for the 80-bit long double (6 bytes of padding), nor for structs unless
// their author says so with bitwise_serializable. It is for enums: a value outside the enumerators
// is kept as it is. A Codec or serialize() of the user's always goes first.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <type_traits>

#include <concurrent/futures/detail/serialization/codec.hpp>

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

template <class T>
inline constexpr bool is_floating_template = false;
template <template <class> class Template, std::floating_point Real>
inline constexpr bool is_floating_template<Template<Real>> = true;

/// std::complex, recognised by its shape: the standard guarantees that it is two numbers.
template <class T>
concept ComplexNumber = is_floating_template<T> && requires(const T& number) {
    { number.real() } -> std::same_as<typename T::value_type>;
    { number.imag() } -> std::same_as<typename T::value_type>;
    T(number.real(), number.imag());
    requires sizeof(T) == 2 * sizeof(typename T::value_type);
    requires std::is_trivially_copyable_v<T>;
};

template <class T>
inline constexpr bool is_std_array = false;
template <class E, std::size_t size>
inline constexpr bool is_std_array<std::array<E, size>> = true;

template <class T>
consteval bool is_bitwise() {
    if constexpr (HasUserCodec<T> || HasMemberSerialize<T>) {
        return false;
    } else if constexpr (bitwise_serializable<T>) {
        static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= 16,
                      "bitwise_serializable<T> needs a trivially copyable T with an alignment of "
                      "at most 16: specialise concurrent::futures::Codec<T> instead");
        return true;
    } else if constexpr (std::is_enum_v<T>) {
        return is_bitwise<std::underlying_type_t<T>>();
    } else if constexpr (is_std_array<T>) {
        return std::tuple_size_v<T> != 0 && is_bitwise<typename T::value_type>();
    } else if constexpr (ComplexNumber<T>) {
        return is_bitwise<typename T::value_type>();
    } else {
        return (std::is_integral_v<T> && !std::is_same_v<T, bool>) || std::is_same_v<T, float> ||
               std::is_same_v<T, double>;
    }
}

template <class T>
concept Bitwise = std::is_object_v<T> && is_bitwise<std::remove_cv_t<T>>();

/// A bitwise value whose bytes start anywhere.
template <Bitwise T>
T load(const std::byte* bytes) {
    std::array<std::byte, sizeof(T)> copy;
    std::memcpy(copy.data(), bytes, sizeof(T));
    return std::bit_cast<T>(copy);
}
/// At the top of its function, so that g++ 12 makes it where the caller wants it: it may be too large for the stack.
template <Bitwise T>
requires std::is_default_constructible_v<T>
T load(const std::byte* bytes) {
    T value;
    std::memcpy(static_cast<void*>(&value), bytes, sizeof value);
    return value;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
