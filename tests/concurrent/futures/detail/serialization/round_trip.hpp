// SPDX-License-Identifier: MIT
//
// round_trip.hpp: what the serialization tests share.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include <concurrent/futures/serialization.hpp>

namespace cf = concurrent::futures;

template <class T>
cf::detail::ByteBuffer encoded(const T& value) {
    cf::Encoder encoder;
    encoder.encode(value);
    return std::move(encoder).take();
}

/// Decodes a T that takes all of the bytes.
template <class T>
T decoded(std::span<const std::byte> bytes) {
    cf::Decoder decoder(bytes);
    T value = decoder.decode<T>();
    decoder.expect_end();
    return value;
}

template <class T>
T round_trip(const T& value) {
    return decoded<T>(encoded(value));
}

template <class T>
bool survives(const T& value) {
    return round_trip(value) == value;
}
