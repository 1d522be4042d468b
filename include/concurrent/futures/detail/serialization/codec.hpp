// SPDX-License-Identifier: MIT
//
// codec.hpp: which code turns a type into bytes, and the vocabulary to ask about it.
//
//     template <> struct cf::Codec<Money> {                       // (1) the user's word is final
//         static void encode(cf::Encoder& out, const Money& m) { out.encode(m.cents()); }
//         static Money decode(cf::Decoder& in) { return Money(in.decode<long>()); }
//     };
//
// For T the first that fits is taken: (1) a Codec<T> specialisation, (2) a member
// serialize(archive), (3) detail::BuiltinCodec<T>: the standard types and, last, plain aggregates.
// A built-in codec also says what it is made of (Parts), so that a type can be judged without
// compiling any of its code, and the fewest bytes a value takes (minimum_size), so that a length
// that cannot be true is refused before memory is asked for.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <type_traits>

#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

class Encoder;
class Decoder;

/// Specialise to say how a T crosses: `static void encode(Encoder&, const T&)` and
/// `static T decode(Decoder&)`. The primary template is complete on purpose: a specialisation
/// that comes after its first use is then an error instead of a silent difference.
template <class T>
struct Codec {
    struct NotSpecialised;
};

/// Specialise to true for a trivially copyable struct without padding and pointers: its bytes are
/// then copied as they are, and std::span<const T> of it can be viewed in place.
template <class T>
inline constexpr bool bitwise_serializable = false;

namespace detail {

/// A T crosses as itself, whatever the parameter is that it is for, and is converted where the call runs.
template <class T>
inline constexpr bool is_converted_there = false;

static_assert(std::endian::native == std::endian::little,
              "the wire format is little-endian and this machine is not: exchange the bytes in "
              "BuiltinCodec of arithmetic types and in Encoder::patch_u64 first");

template <class... Types>
struct TypeList {};

/// What the library itself knows. The primary template knows nothing.
template <class T>
struct BuiltinCodec {
    struct Missing;
};

template <class T>
concept HasUserCodec = std::is_object_v<T> && !requires {
    typename Codec<T>::NotSpecialised;
};

template <class T>
concept HasUnversionedSerialize = requires(T& value, Encoder& encoder, Decoder& decoder) {
    value.serialize(encoder);
    value.serialize(decoder);
};

template <class T>
concept HasVersionedSerialize = requires(T& value, Encoder& encoder, Decoder& decoder) {
    value.serialize(encoder, 0U);
    value.serialize(decoder, 0U);
};

template <class T>
concept HasMemberSerialize = std::is_class_v<T> &&
    (HasUnversionedSerialize<T> || HasVersionedSerialize<T>);

template <class T>
struct MemberCodec;  // member_codec.hpp

template <class T>
consteval auto choose_codec() {
    if constexpr (HasUserCodec<T>) {
        return std::type_identity<Codec<T>>();
    } else if constexpr (HasMemberSerialize<T>) {
        return std::type_identity<MemberCodec<T>>();
    } else {
        return std::type_identity<BuiltinCodec<T>>();
    }
}

template <class T>
using CodecOf = typename decltype(choose_codec<std::remove_cv_t<T>>())::type;

/// There is code for T itself; whether there is for its parts is another question.
template <class T>
concept HasEncode = std::is_object_v<T> && requires(Encoder& encoder, const T& value) {
    CodecOf<T>::encode(encoder, value);
};

template <class T>
concept HasDecode = std::is_object_v<T> && requires(Decoder& decoder) {
    { CodecOf<T>::decode(decoder) } -> std::same_as<std::remove_cv_t<T>>;
};

/// The fewest bytes a T takes on the wire; 0 where only the user knows.
template <class T>
constexpr std::size_t minimum_size() {
    if constexpr (requires { CodecOf<T>::minimum_size(); }) {
        return CodecOf<T>::minimum_size();
    } else {
        return 0;
    }
}

template <class T>
consteval auto parts_of() {
    if constexpr (requires { typename CodecOf<T>::Parts; }) {
        return typename CodecOf<T>::Parts();
    } else {
        return TypeList<>();
    }
}

/// Recursive types (trees, lists of pointers) may nest this deep, in both directions: a hostile
/// message, or a cycle of shared_ptr, ends in an error before it ends the stack.
inline constexpr unsigned nesting_limit = 256;

/// Elements that take no bytes (std::monostate, empty structs) in one message: their number is
/// the only thing that arrives, so it is limited.
inline constexpr std::size_t empty_element_limit = 65536;

/// One level of nesting of an Encoder or Decoder, for as long as it lives.
template <class Archive>
class NestingScope {
  public:
    explicit NestingScope(Archive& archive) : archive_(archive) { archive_.enter_nested(); }
    ~NestingScope() { archive_.leave_nested(); }
    NestingScope(const NestingScope&) = delete;
    NestingScope& operator=(const NestingScope&) = delete;

  private:
    Archive& archive_;
};

}  // namespace detail
}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
