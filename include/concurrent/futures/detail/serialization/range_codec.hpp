// SPDX-License-Identifier: MIT
//
// range_codec.hpp: contiguous ranges of bitwise elements, copied in one piece: std::string and
// its relatives, std::vector<double> and its relatives, and the views of them.
//
//     encoder.encode(std::vector{1.0, 2.0});
//     decoder.decode_view<std::span<const double>>();      // no copy
//
// Wire: u64 count, zero bytes up to a multiple of the alignment of an element counted from the
// start of the buffer, the elements. Owner and view have the same format, so either can be read
// as the other.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <concurrent/futures/detail/serialization/scalar_codec.hpp>

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Only template specialisations with an allocator are taken for containers: a class derived from
/// one has members of its own, which would be lost.
template <class T>
inline constexpr bool is_container_template = false;
template <template <class...> class Container, class First, class... Rest>
inline constexpr bool is_container_template<Container<First, Rest...>> = true;

template <class T>
concept OwningContainer = is_container_template<T> && std::default_initializable<T> &&
    requires(T& container) {
    typename T::value_type;
    typename T::allocator_type;
    container.begin();
    container.end();
};

template <class T>
concept BitwiseContainer = OwningContainer<T> && Bitwise<typename T::value_type> &&
    requires(T& container, const typename T::value_type* element) {
    { container.data() } -> std::convertible_to<const typename T::value_type*>;
    { container.size() } -> std::convertible_to<std::size_t>;
    container.reserve(container.size());
    container.push_back(*element);
    T(element, element);
};

template <Bitwise E>
void encode_range(Encoder& encoder, const E* elements, std::size_t count) {
    encoder.write_u64(count);
    encoder.align(alignof(E));
    encoder.write_bytes(elements, count * sizeof(E));
}

struct RangeBytes {
    const std::byte* start;
    std::size_t count;
};

/// Finds the elements of a range and checks that they are there.
template <Bitwise E>
RangeBytes decode_range(Decoder& decoder, const std::type_info& type) {
    const std::size_t count = decoder.read_count(sizeof(E), type);
    decoder.align(alignof(E));
    return {decoder.read(count * sizeof(E), type), count};
}

template <class E>
bool is_aligned(const std::byte* start) {
    return reinterpret_cast<std::uintptr_t>(start) % alignof(E) == 0;
}

template <class T>
requires BitwiseContainer<T>
struct BuiltinCodec<T> {
    using Element = typename T::value_type;

    static constexpr std::size_t minimum_size() { return sizeof(std::uint64_t); }
    static void encode(Encoder& encoder, const T& value) {
        encode_range<Element>(encoder, value.data(), value.size());
    }
    static T decode(Decoder& decoder) {
        const auto [start, count] = decode_range<Element>(decoder, typeid(T));
        if (is_aligned<Element>(start)) [[likely]] {
            const auto* const first = reinterpret_cast<const Element*>(start);
            return T(first, first + count);
        }
        T result;
        result.reserve(count);
        for (std::size_t index = 0; index != count; ++index) {
            result.push_back(load<Element>(start + index * sizeof(Element)));
        }
        return result;
    }
};

template <class C, class Traits>
struct BuiltinCodec<std::basic_string_view<C, Traits>> {
    static constexpr std::size_t minimum_size() { return sizeof(std::uint64_t); }
    static void encode(Encoder& encoder, const std::basic_string_view<C, Traits>& value) {
        encode_range<C>(encoder, value.data(), value.size());
    }
};

template <class E>
requires Bitwise<E>
struct BuiltinCodec<std::span<E>> {
    static constexpr std::size_t minimum_size() { return sizeof(std::uint64_t); }
    static void encode(Encoder& encoder, const std::span<E>& value) {
        encode_range<std::remove_const_t<E>>(encoder, value.data(), value.size());
    }
};

/// Views of received bytes: the caller keeps these bytes alive.
template <class View, class E>
View view_range(Decoder& decoder) {
    const auto [start, count] = decode_range<E>(decoder, typeid(View));
    if (count == 0) return View();
    if (!is_aligned<E>(start)) [[unlikely]] {
        decoder.fail(typeid(View),
                     "the elements are not aligned; the first byte of the message "
                     "must lie at a multiple of 16");
    }
    return View(reinterpret_cast<const E*>(start), count);
}

/// How the bytes of a view are found.
template <class View>
struct ViewCodec {
    static View decode(Decoder&) {
        static_assert(always_false<View>,
                      "only std::string_view and std::span<const T>, T arithmetic or "
                      "bitwise_serializable, can view received bytes: write std::vector or "
                      "std::string");
    }
};

template <class C, class Traits>
struct ViewCodec<std::basic_string_view<C, Traits>> {
    static auto decode(Decoder& decoder) {
        return view_range<std::basic_string_view<C, Traits>, C>(decoder);
    }
};

template <class E>
requires Bitwise<E>
struct ViewCodec<std::span<const E>> {
    static auto decode(Decoder& decoder) { return view_range<std::span<const E>, E>(decoder); }
};

/// The views that decode_view can give, for parameters of functions that run elsewhere.
template <class T>
inline constexpr bool is_decodable_view = false;
template <class C, class Traits>
inline constexpr bool is_decodable_view<std::basic_string_view<C, Traits>> = true;
template <class E>
inline constexpr bool is_decodable_view<std::span<const E>> = Bitwise<E>;

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
