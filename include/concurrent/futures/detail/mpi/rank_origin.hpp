// SPDX-License-Identifier: MIT
//
// rank_origin.hpp: an exception of a task on a rank says where it was thrown, in an Error nested below all others.
//
//     const ByteBuffer origin = encode_origin(card, 3);    // "thrown on rank 3, host node7, process 4711"
//     ByteBuffer body = with_origin(frame.body, origin);
//
// Both work on encoded exceptions, so no codec of the user runs. The bytes: exception_codec.hpp.
#pragma once

#include <cstddef>
#include <exception>
#include <span>
#include <string>
#include <utility>

#include "concurrent/futures/detail/mpi/rank_card.hpp"
#include "concurrent/futures/detail/serialization/byte_buffer.hpp"
#include "concurrent/futures/detail/serialization/codecs.hpp"
#include "concurrent/futures/detail/serialization/exception_codec.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

inline ByteBuffer encode_origin(const RankCard& card, int rank) {
    Encoder encoder;
    encode_exception(encoder, std::make_exception_ptr(Error("thrown on rank " + std::to_string(rank) + ", host " +
                                                            card.host_name() + ", process " +
                                                            std::to_string(card.pid))));
    return std::move(encoder).take();
}

/// Puts `origin` below the innermost of the nested exceptions, unless they are nested too deeply.
inline ByteBuffer with_origin(std::span<const std::byte> exception, std::span<const std::byte> origin) {
    constexpr auto plain = static_cast<std::byte>(ExceptionForm::plain);
    constexpr auto nested = static_cast<std::byte>(ExceptionForm::nested);
    std::size_t depth = 0;
    while (depth < exception.size() && exception[depth] == nested) ++depth;
    Encoder encoder;
    if (depth + 2 >= exception_depth_limit || depth >= exception.size() || exception[depth] != plain) {
        encoder.write_bytes(exception.data(), exception.size());
        return std::move(encoder).take();
    }
    encoder.write_bytes(exception.data(), depth);
    encoder.write_bytes(&nested, 1);
    encoder.write_bytes(origin.data(), origin.size());
    encoder.write_bytes(exception.data() + depth + 1, exception.size() - depth - 1);
    return std::move(encoder).take();
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
