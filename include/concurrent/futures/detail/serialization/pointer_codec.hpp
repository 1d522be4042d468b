// SPDX-License-Identifier: MIT
//
// pointer_codec.hpp: std::unique_ptr and std::shared_ptr cross by value, null included.
//
// What arrives is a new object: two shared_ptr to one object arrive as two objects, and a cycle
// is refused at the nesting limit. A polymorphic class that is not final is refused at compile
// time, since the object may be of a derived class and would arrive without that part. Wire: one
// byte, then the object.
#pragma once

#include <memory>
#include <type_traits>

#include <concurrent/futures/detail/serialization/scalar_codec.hpp>

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// The object behind a pointer to E can only be an E, a whole one.
template <class E>
concept WholeObject =
    std::is_object_v<E> && !std::is_array_v<E> &&
    (std::is_final_v<std::remove_cv_t<E>> || !std::is_polymorphic_v<std::remove_cv_t<E>>);

template <class Pointer>
struct PointerCodec {
    using Element = std::remove_cv_t<typename Pointer::element_type>;
    using Parts = TypeList<Element>;

    static constexpr std::size_t minimum_size() { return 1; }
    static void encode(Encoder& encoder, const Pointer& value) {
        const NestingScope nesting(encoder);
        encoder.encode(value != nullptr);
        if (value) encoder.encode<Element>(*value);
    }
    static Pointer decode(Decoder& decoder) {
        const NestingScope nesting(decoder);
        if (!decoder.decode<bool>()) return nullptr;
        return Pointer(new Element(decoder.decode<Element>()));
    }
};

// The constraints are on class types only once these are complete: a node may hold a unique_ptr
// to its own type.
template <class E>
requires WholeObject<E>
struct BuiltinCodec<std::unique_ptr<E>> : PointerCodec<std::unique_ptr<E>> {
};

template <class E>
requires WholeObject<E>
struct BuiltinCodec<std::shared_ptr<E>> : PointerCodec<std::shared_ptr<E>> {
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
