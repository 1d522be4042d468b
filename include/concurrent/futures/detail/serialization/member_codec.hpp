// SPDX-License-Identifier: MIT
//
// member_codec.hpp: the codec of classes with a member function template `serialize(archive)`, which serves both
// directions, as cereal and Boost have it.
#pragma once

#include <concepts>
#include <cstddef>

#include "concurrent/futures/detail/serialization/codec.hpp"
#include "concurrent/futures/detail/serialization/decoder.hpp"
#include "concurrent/futures/detail/serialization/encoder.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

template <class T>
struct MemberCodec {
    using Parts = TypeList<>;
    static constexpr std::size_t minimum_size() { return 0; }
    static void encode(Encoder& encoder, const T& value) {
        const NestingScope nesting(encoder);
        // serialize() is one function for both directions, hence not const; here it only reads.
        T& mutable_value = const_cast<T&>(value);
        if constexpr (HasUnversionedSerialize<T>) {
            mutable_value.serialize(encoder);
        } else {
            mutable_value.serialize(encoder, 0U);
        }
    }
    static T decode(Decoder& decoder) requires std::default_initializable<T> {
        const NestingScope nesting(decoder);
        T value{};
        if constexpr (HasUnversionedSerialize<T>) {
            value.serialize(decoder);
        } else {
            value.serialize(decoder, 0U);
        }
        return value;
    }
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
