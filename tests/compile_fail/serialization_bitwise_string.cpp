// expect-error: bitwise_serializable<T> needs a trivially copyable T
// SPDX-License-Identifier: MIT
//
// Bytes of a string are no string.
#include <concurrent/futures/serialization.hpp>

namespace cf = concurrent::futures;

struct Name {
    std::string text;
};

template <>
inline constexpr bool concurrent::futures::bitwise_serializable<Name> = true;

void encode(cf::Encoder& encoder, const Name& name) { encoder.encode(name); }
