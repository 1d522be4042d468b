// SPDX-License-Identifier: MIT
//
// container_codec.hpp: containers whose elements are encoded one by one.
//
// They are recognised by their members, not by name, so that <map>, <list> and the others need
// not be included, and containers of other libraries that look alike cross too. Wire: u64 count,
// the elements (key, value for maps). The count is checked against the bytes that are left and
// memory is reserved for no more than these bytes could fill, so a lying count costs nothing.
#pragma once

#include <algorithm>
#include <iterator>

#include <concurrent/futures/detail/serialization/range_codec.hpp>

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

template <class T>
concept ElementwiseContainer = OwningContainer<T> && !BitwiseContainer<T>;

template <class T>
concept MapContainer = ElementwiseContainer<T> && requires {
    typename T::key_type;
    typename T::mapped_type;
};

template <class T>
concept SetContainer = ElementwiseContainer<T> && requires {
    typename T::key_type;
} && !MapContainer<T>;

template <class T>
concept ForwardListContainer = ElementwiseContainer<T> && requires(T& container) {
    container.before_begin();
    container.emplace_after(container.before_begin());
};

template <class T>
concept SequenceContainer =
    ElementwiseContainer<T> && !MapContainer<T> && !SetContainer<T> && !ForwardListContainer<T> &&
    requires(T & container, typename T::value_type&& element) {
    container.size();
    container.push_back(std::move(element));
};

/// The count, then the elements by `encode_element`. The receiver refuses more elements without
/// bytes than empty_element_limit, so writing them is refused here, where it can be mended.
template <class T, class EncodeElement>
void encode_elements(Encoder& encoder, const T& container, std::size_t count,
                     EncodeElement encode_element) {
    const NestingScope nesting(encoder);
    encoder.write_u64(count);
    const std::size_t start = encoder.size();
    for (auto&& element : container) encode_element(element);
    if (count > empty_element_limit && encoder.size() == start) {
        encoder.fail(typeid(T), "more elements without bytes than one message may have");
    }
}

/// Calls `decode_element` as often as the wire says, which is never more than it can hold.
template <class T, class DecodeElement>
void decode_elements(Decoder& decoder, std::size_t minimum, std::size_t count,
                     DecodeElement decode_element) {
    const NestingScope nesting(decoder);
    for (std::size_t index = 0; index != count; ++index) {
        const std::size_t before = decoder.offset();
        decode_element();
        if (minimum == 0) decoder.count_element(before, typeid(T));
    }
}

/// Reserves for `count` elements of `size` bytes, but for no more than the received bytes fill.
template <class T>
void reserve_bounded(T& container, const Decoder& decoder, std::size_t count, std::size_t size) {
    if constexpr (requires { container.reserve(count); }) {
        container.reserve((std::min)(count, decoder.remaining() / size));
    }
}

template <class T>
requires SequenceContainer<T>
struct BuiltinCodec<T> {
    using Element = typename T::value_type;
    using Parts = TypeList<Element>;

    static constexpr std::size_t minimum_size() { return sizeof(std::uint64_t); }
    static void encode(Encoder& encoder, const T& value) {
        // The named type turns the proxies of std::vector<bool> into bool.
        encode_elements(encoder, value, value.size(),
                        [&](const Element& element) { encoder.encode(element); });
    }
    static T decode(Decoder& decoder) {
        constexpr std::size_t minimum = detail::minimum_size<Element>();
        const std::size_t count = decoder.read_count(minimum, typeid(T));
        T result;
        reserve_bounded(result, decoder, count, sizeof(Element));
        decode_elements<T>(decoder, minimum, count, [&] {
            RoomyValue<Element> element([&] { return decoder.decode<Element>(); });
            result.push_back(std::move(*element));
        });
        return result;
    }
};

template <class T>
requires ForwardListContainer<T>
struct BuiltinCodec<T> {
    using Element = typename T::value_type;
    using Parts = TypeList<Element>;

    static constexpr std::size_t minimum_size() { return sizeof(std::uint64_t); }
    static void encode(Encoder& encoder, const T& value) {
        const auto count = std::distance(value.begin(), value.end());
        encode_elements(encoder, value, static_cast<std::size_t>(count),
                        [&](const Element& element) { encoder.encode(element); });
    }
    static T decode(Decoder& decoder) {
        constexpr std::size_t minimum = detail::minimum_size<Element>();
        const std::size_t count = decoder.read_count(minimum, typeid(T));
        T result;
        auto last = result.before_begin();
        decode_elements<T>(decoder, minimum, count, [&] {
            RoomyValue<Element> element([&] { return decoder.decode<Element>(); });
            last = result.emplace_after(last, std::move(*element));
        });
        return result;
    }
};

template <class T>
requires SetContainer<T>
struct BuiltinCodec<T> {
    using Element = typename T::key_type;
    using Parts = TypeList<Element>;

    static constexpr std::size_t minimum_size() { return sizeof(std::uint64_t); }
    static void encode(Encoder& encoder, const T& value) {
        encode_elements(encoder, value, value.size(),
                        [&](const Element& element) { encoder.encode(element); });
    }
    static T decode(Decoder& decoder) {
        constexpr std::size_t minimum = detail::minimum_size<Element>();
        const std::size_t count = decoder.read_count(minimum, typeid(T));
        T result;
        reserve_bounded(result, decoder, count, sizeof(Element) + 2 * sizeof(void*));
        decode_elements<T>(decoder, minimum, count, [&] {
            // Sorted containers come in order, so the end is the right hint.
            RoomyValue<Element> element([&] { return decoder.decode<Element>(); });
            result.emplace_hint(result.end(), std::move(*element));
        });
        if (result.size() != count) [[unlikely]]
            decoder.fail(typeid(T), "equal elements");
        return result;
    }
};

template <class T>
requires MapContainer<T>
struct BuiltinCodec<T> {
    using Key = typename T::key_type;
    using Mapped = typename T::mapped_type;
    using Parts = TypeList<Key, Mapped>;

    static constexpr std::size_t minimum_size() { return sizeof(std::uint64_t); }
    static void encode(Encoder& encoder, const T& value) {
        encode_elements(encoder, value, value.size(), [&](const auto& element) {
            encoder.encode(element.first);
            encoder.encode(element.second);
        });
    }
    static T decode(Decoder& decoder) {
        constexpr std::size_t minimum =
            detail::minimum_size<Key>() + detail::minimum_size<Mapped>();
        const std::size_t count = decoder.read_count(minimum, typeid(T));
        T result;
        reserve_bounded(result, decoder, count, sizeof(Key) + sizeof(Mapped) + 2 * sizeof(void*));
        decode_elements<T>(decoder, minimum, count, [&] {
            RoomyValue<Key> key([&] { return decoder.decode<Key>(); });  // before its value: arguments have no order
            RoomyValue<Mapped> mapped([&] { return decoder.decode<Mapped>(); });
            result.emplace_hint(result.end(), std::move(*key), std::move(*mapped));
        });
        if (result.size() != count) [[unlikely]]
            decoder.fail(typeid(T), "equal keys");
        return result;
    }
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
