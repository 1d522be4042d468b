// SPDX-License-Identifier: MIT
//
// impl/decoder.hpp: the errors of a Decoder; see impl/src.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <typeinfo>

#include "concurrent/futures/detail/platform/demangle.hpp"
#include "concurrent/futures/detail/serialization/decoder.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

CONCURRENT_FUTURES_DECL void Decoder::fail(const std::type_info& type, const std::string& reason) const {
    throw SerializationError("cannot decode " + detail::demangle(type) + " at byte " + std::to_string(offset_) + ": " +
                             reason);
}

CONCURRENT_FUTURES_DECL void Decoder::fail_short(const std::type_info& type, std::size_t size) const {
    fail(type, std::to_string(size) + " bytes needed, " + std::to_string(remaining()) + " left");
}

CONCURRENT_FUTURES_DECL void Decoder::fail_count(const std::type_info& type, std::uint64_t count) const {
    fail(type, std::to_string(count) + " elements announced, " + std::to_string(remaining()) + " bytes left");
}

CONCURRENT_FUTURES_DECL void Decoder::fail_long() const {
    throw SerializationError(std::to_string(remaining()) + " bytes are left after the last value, at byte " +
                             std::to_string(offset_));
}

CONCURRENT_FUTURES_DECL void Decoder::fail_nesting() const {
    throw SerializationError("cannot decode at byte " + std::to_string(offset_) + ": values are nested more than " +
                             std::to_string(detail::nesting_limit) + " deep");
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
