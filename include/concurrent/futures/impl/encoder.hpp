// SPDX-License-Identifier: MIT
//
// impl/encoder.hpp: the errors of an Encoder; see impl/src.hpp.
#pragma once

#include <string>
#include <typeinfo>

#include "concurrent/futures/detail/platform/demangle.hpp"
#include "concurrent/futures/detail/serialization/encoder.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

CONCURRENT_FUTURES_DECL void Encoder::fail(const std::type_info& type, const std::string& reason) const {
    throw SerializationError("cannot encode " + detail::demangle(type) + " at byte " + std::to_string(size()) + ": " +
                             reason);
}

CONCURRENT_FUTURES_DECL void Encoder::fail_nesting() const {
    throw SerializationError("cannot encode at byte " + std::to_string(size()) + ": values are nested more than " +
                             std::to_string(detail::nesting_limit) +
                             " deep; if pointers form a cycle, write a Codec for their owner");
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
