// SPDX-License-Identifier: MIT
//
// vocabulary_codec.hpp: optional, variant, tuple, pair, array, chrono, bitset, filesystem::path,
// error_code.
//
// Wire: optional one byte and the value; variant the index (u32) and the value; tuple, pair and
// array their elements; durations and time points their count; bitset its bits, eight a byte;
// path as its native string; error_code one byte for the category and the value.
#pragma once

#include <array>
#include <optional>
#include <system_error>
#include <tuple>
#include <utility>
#include <variant>

#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/option_duration.hpp"

#include <concurrent/futures/detail/serialization/range_codec.hpp>

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

template <class E>
struct BuiltinCodec<std::optional<E>> {
    using Parts = TypeList<E>;
    static constexpr std::size_t minimum_size() { return 1; }
    static void encode(Encoder& encoder, const std::optional<E>& value) {
        encoder.encode(value.has_value());
        if (value) encoder.encode(*value);
    }
    static std::optional<E> decode(Decoder& decoder) {
        if (!decoder.decode<bool>()) return std::nullopt;
        RoomyValue<std::remove_cv_t<E>> value([&] { return decoder.decode<std::remove_cv_t<E>>(); });
        return std::optional<E>(std::in_place, std::move(*value));
    }
};

template <class... Alternatives>
struct BuiltinCodec<std::variant<Alternatives...>> {
    using Variant = std::variant<Alternatives...>;
    using Parts = TypeList<Alternatives...>;

    static constexpr std::size_t minimum_size() { return sizeof(std::uint32_t); }
    static void encode(Encoder& encoder, const Variant& value) {
        if (value.valueless_by_exception()) {
            encoder.fail(typeid(Variant), "it lost its value to an exception");
        }
        encoder.encode(static_cast<std::uint32_t>(value.index()));
        std::visit([&](const auto& alternative) { encoder.encode(alternative); }, value);
    }
    static Variant decode(Decoder& decoder) {
        return decode_alternative<0>(decoder, decoder.decode<std::uint32_t>());
    }

  private:
    template <std::size_t candidate>
    static Variant decode_alternative(Decoder& decoder, std::uint32_t index) {
        if constexpr (candidate == sizeof...(Alternatives)) {
            decoder.fail(typeid(Variant), "there is no alternative " + std::to_string(index));
        } else {
            if (index != candidate) return decode_alternative<candidate + 1>(decoder, index);
            using Alternative = std::remove_cv_t<std::variant_alternative_t<candidate, Variant>>;
            RoomyValue<Alternative> part([&] { return decoder.decode<Alternative>(); });
            return Variant(std::in_place_index<candidate>, std::move(*part));
        }
    }
};

template <class... Elements>
struct BuiltinCodec<std::tuple<Elements...>> {
    using Parts = TypeList<Elements...>;
    static constexpr std::size_t minimum_size() {
        return (std::size_t{0} + ... + detail::minimum_size<Elements>());
    }
    static void encode(Encoder& encoder, const std::tuple<Elements...>& value) {
        std::apply([&](const auto&... elements) { (encoder.encode(elements), ...); }, value);
    }
    static std::tuple<Elements...> decode([[maybe_unused]] Decoder& decoder) {
        // Braces: evaluated from left to right.
        std::tuple<RoomyValue<std::remove_cv_t<Elements>>...> parts{RoomyValue<std::remove_cv_t<Elements>>(
            [&] { return decoder.decode<std::remove_cv_t<Elements>>(); })...};
        return std::apply(
            [](auto&... part) { return std::tuple<Elements...>(std::move(*part)...); }, parts);
    }
};

template <class First, class Second>
struct BuiltinCodec<std::pair<First, Second>> {
    using Parts = TypeList<First, Second>;
    static constexpr std::size_t minimum_size() {
        return detail::minimum_size<First>() + detail::minimum_size<Second>();
    }
    static void encode(Encoder& encoder, const std::pair<First, Second>& value) {
        encoder.encode(value.first);
        encoder.encode(value.second);
    }
    static std::pair<First, Second> decode(Decoder& decoder) {
        RoomyValue<std::remove_cv_t<First>> first([&] { return decoder.decode<std::remove_cv_t<First>>(); });
        RoomyValue<std::remove_cv_t<Second>> second([&] { return decoder.decode<std::remove_cv_t<Second>>(); });
        return std::pair<First, Second>(std::move(*first), std::move(*second));
    }
};

template <class E, std::size_t size>
requires(!Bitwise<std::array<E, size>>) struct BuiltinCodec<std::array<E, size>> {
    using Parts = TypeList<E>;
    static constexpr std::size_t minimum_size() { return size * detail::minimum_size<E>(); }
    static void encode(Encoder& encoder, const std::array<E, size>& value) {
        for (const E& element : value) encoder.encode(element);
    }
    static std::array<E, size> decode(Decoder& decoder) {
        return decode_elements(decoder, std::make_index_sequence<size>());
    }

  private:
    template <std::size_t... indices>
    static std::array<E, size> decode_elements([[maybe_unused]] Decoder& decoder,
                                               std::index_sequence<indices...>) {
        return {{((void)indices, decoder.decode<std::remove_cv_t<E>>())...}};
    }
};

template <class Representation, class Period>
struct BuiltinCodec<std::chrono::duration<Representation, Period>> {
    using Duration = std::chrono::duration<Representation, Period>;
    using Parts = TypeList<Representation>;
    static constexpr std::size_t minimum_size() { return detail::minimum_size<Representation>(); }
    static void encode(Encoder& encoder, const Duration& value) { encoder.encode(value.count()); }
    static Duration decode(Decoder& decoder) { return Duration(decoder.decode<Representation>()); }
};

template <class Unit>
struct BuiltinCodec<OptionDuration<Unit>> : BuiltinCodec<std::optional<Unit>> {
    static OptionDuration<Unit> decode(Decoder& decoder) { return BuiltinCodec<std::optional<Unit>>::decode(decoder); }
};

/// Counted from the epoch of the clock: right for steady_clock too while both processes run on
/// one machine.
template <class Clock, class Duration>
struct BuiltinCodec<std::chrono::time_point<Clock, Duration>> {
    using TimePoint = std::chrono::time_point<Clock, Duration>;
    using Parts = TypeList<Duration>;
    static constexpr std::size_t minimum_size() { return detail::minimum_size<Duration>(); }
    static void encode(Encoder& encoder, const TimePoint& value) {
        encoder.encode(value.time_since_epoch());
    }
    static TimePoint decode(Decoder& decoder) { return TimePoint(decoder.decode<Duration>()); }
};

/// std::bitset by its shape, to spare <bitset>.
template <template <std::size_t> class Bitset, std::size_t size>
requires requires(Bitset<size>& bits) {
    { bits.test(0) } -> std::same_as<bool>;
    { bits.size() } -> std::same_as<std::size_t>;
    bits.flip(0);
    bits.to_ullong();
}
struct BuiltinCodec<Bitset<size>> {
    static constexpr std::size_t byte_count = size / 8 + (size % 8 != 0);

    static constexpr std::size_t minimum_size() { return byte_count; }
    static void encode(Encoder& encoder, const Bitset<size>& value) {
        std::byte* const bytes = encoder.extend(byte_count);
        if constexpr (byte_count != 0) std::memset(bytes, 0, byte_count);
        for (std::size_t bit = 0; bit != size; ++bit) {
            if (value[bit]) bytes[bit / 8] |= std::byte{1} << (bit % 8);
        }
    }
    static Bitset<size> decode(Decoder& decoder) {
        const std::byte* const bytes = decoder.read(byte_count, typeid(Bitset<size>));
        Bitset<size> value;
        for (std::size_t bit = 0; bit != size; ++bit) {
            if ((bytes[bit / 8] >> (bit % 8) & std::byte{1}) != std::byte{0}) value[bit] = true;
        }
        return value;
    }
};

/// std::filesystem::path by its shape, to spare <filesystem>.
template <class T>
concept FilesystemPath = std::is_class_v<T> && !is_container_template<T> &&
                         requires(const T& path, typename T::string_type native) {
    { path.native() } -> std::same_as<const typename T::string_type&>;
    T::preferred_separator;
    path.lexically_normal();
    T(std::move(native));
};

template <class T>
requires FilesystemPath<T>
struct BuiltinCodec<T> {
    using String = typename T::string_type;
    static constexpr std::size_t minimum_size() { return detail::minimum_size<String>(); }
    static void encode(Encoder& encoder, const T& value) { encoder.encode(value.native()); }
    static T decode(Decoder& decoder) { return T(decoder.decode<String>()); }
};

/// Categories are objects compared by address, so only those both sides know can cross.
enum class ErrorCategory : std::uint8_t { generic, system };

inline std::optional<ErrorCategory> known_category(const std::error_category& category) {
    if (category == std::generic_category()) return ErrorCategory::generic;
    if (category == std::system_category()) return ErrorCategory::system;
    return std::nullopt;
}

template <>
struct BuiltinCodec<std::error_code> {
    static constexpr std::size_t minimum_size() { return 1 + sizeof(int); }
    static void encode(Encoder& encoder, const std::error_code& value) {
        const std::optional<ErrorCategory> category = known_category(value.category());
        if (!category) {
            encoder.fail(typeid(std::error_code),
                         std::string("the category \"") + value.category().name() +
                             "\" is neither generic nor system; write a Codec for its owner");
        }
        encoder.encode(*category);
        encoder.encode(value.value());
    }
    static std::error_code decode(Decoder& decoder) {
        const auto category = decoder.decode<ErrorCategory>();
        const int value = decoder.decode<int>();
        switch (category) {
            case ErrorCategory::generic:
                return {value, std::generic_category()};
            case ErrorCategory::system:
                return {value, std::system_category()};
        }
        decoder.fail(typeid(std::error_code), "unknown category");
    }
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
