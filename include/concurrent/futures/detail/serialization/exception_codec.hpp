// SPDX-License-Identifier: MIT
//
// exception_codec.hpp: exceptions into bytes and back.
//
//     detail::encode_exception(encoder, std::current_exception());
//     std::exception_ptr error = detail::decode_exception(decoder, worker_pid);
//
// Known types keep dynamic type, what(), error code and what they were nested with (32 levels).
// All others become RemoteError, which says type and message. Wire: one byte for the form; the
// nested exception before its outer one, which is made inside its handler; key, type name, what(),
// and the body with its length, so that a receiver that does not know the key can skip it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>

#include <concurrent/futures/detail/serialization/exception_registry.hpp>

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

enum class ExceptionForm : std::uint8_t { none, plain, nested };

inline constexpr unsigned exception_depth_limit = 32;

/// Throws nothing but std::bad_alloc. A null pointer is a value too.
CONCURRENT_FUTURES_DECL void encode_exception(Encoder& encoder, const std::exception_ptr& exception);

/// What encode_exception wrote; `pid`, the process it was thrown in, is for RemoteError::pid().
CONCURRENT_FUTURES_DECL std::exception_ptr decode_exception(Decoder& decoder, int pid);

template <>
struct BuiltinCodec<std::exception_ptr> {
    static constexpr std::size_t minimum_size() { return 1; }
    static void encode(Encoder& encoder, const std::exception_ptr& value) {
        encode_exception(encoder, value);
    }
    static std::exception_ptr decode(Decoder& decoder) {
        return decode_exception(decoder, decoder.sender());
    }
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail

#if CONCURRENT_FUTURES_HEADER_ONLY
#include "concurrent/futures/impl/exception_codec.hpp"
#endif
