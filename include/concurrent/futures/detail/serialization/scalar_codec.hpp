// SPDX-License-Identifier: MIT
//
// scalar_codec.hpp: numbers, characters, bool, enums, std::byte, std::complex.
//
// Wire: what is bitwise as it lies in memory, at any offset; bool as one byte 0 or 1; long double
// without its padding.
#pragma once

#include <cstring>
#include <limits>
#include <type_traits>

#include <concurrent/futures/detail/serialization/decoder.hpp>
#include <concurrent/futures/detail/serialization/encoder.hpp>

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

template <class T>
requires Bitwise<T>
struct BuiltinCodec<T> {
    static constexpr std::size_t minimum_size() { return sizeof(T); }
    static void encode(Encoder& encoder, const T& value) {
        std::memcpy(encoder.extend(sizeof(T)), &value, sizeof(T));
    }
    static T decode(Decoder& decoder) { return load<T>(decoder.read(sizeof(T), typeid(T))); }
};

template <>
struct BuiltinCodec<bool> {
    static constexpr std::size_t minimum_size() { return 1; }
    static void encode(Encoder& encoder, const bool& value) {
        *encoder.extend(1) = value ? std::byte{1} : std::byte{0};
    }
    static bool decode(Decoder& decoder) {
        const std::byte value = *decoder.read(1, typeid(bool));
        if (value > std::byte{1}) [[unlikely]] {
            decoder.fail(typeid(bool), "the byte is neither 0 nor 1");
        }
        return value == std::byte{1};
    }
};

template <class T>
requires std::is_enum_v<T> && std::is_same_v < std::underlying_type_t<T>,
bool > struct BuiltinCodec<T> {
    static constexpr std::size_t minimum_size() { return 1; }
    static void encode(Encoder& encoder, const T& value) {
        BuiltinCodec<bool>::encode(encoder, static_cast<bool>(value));
    }
    static T decode(Decoder& decoder) {
        return static_cast<T>(BuiltinCodec<bool>::decode(decoder));
    }
};

template <>
struct BuiltinCodec<long double> {
    // 64 digits is the x87 format: 10 bytes that count, the rest is padding.
    static constexpr std::size_t significant =
        std::numeric_limits<long double>::digits == 64 ? 10 : sizeof(long double);

    static constexpr std::size_t minimum_size() { return significant; }
    static void encode(Encoder& encoder, const long double& value) {
        encoder.write_bytes(&value, significant);
    }
    static long double decode(Decoder& decoder) {
        long double value = 0;
        std::memcpy(&value, decoder.read(significant, typeid(long double)), significant);
        return value;
    }
};

template <class T>
requires ComplexNumber<T> &&(!Bitwise<T>)struct BuiltinCodec<T> {
    using Parts = TypeList<typename T::value_type>;
    static constexpr std::size_t minimum_size() {
        return 2 * detail::minimum_size<typename T::value_type>();
    }
    static void encode(Encoder& encoder, const T& value) { encoder(value.real(), value.imag()); }
    static T decode(Decoder& decoder) {
        const auto real = decoder.decode<typename T::value_type>();
        const auto imaginary = decoder.decode<typename T::value_type>();
        return T(real, imaginary);
    }
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
