// SPDX-License-Identifier: MIT
//
// channel_ends.hpp: what Sender<T> and Receiver<T> ask of the ends behind them, which are no templates: channel_writer.hpp
// and channel_reader.hpp.
//
//     auto [writer, reader] = make_channel_ends();
//     send_to(*writer, value, deadline);
//     receive_from<T>(*reader, deadline);
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/serialization/decoder.hpp"
#include "concurrent/futures/detail/serialization/encoder.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class ChannelReader;
class ChannelWriter;
using EncodeValue = void (*)(Encoder& encoder, const void* value);
using DecodeValue = void (*)(Decoder& decoder, void* result);

/// Throws std::system_error, std::bad_alloc.
CONCURRENT_FUTURES_DECL std::pair<std::shared_ptr<ChannelWriter>, std::shared_ptr<ChannelReader>> make_channel_ends();

/// False when the deadline passed first: nothing of it will be received. Throws BrokenChannelError, what the codec throws.
CONCURRENT_FUTURES_DECL bool send_value(ChannelWriter& writer, const void* value, EncodeValue encode, const Deadline& deadline);
/// False at the end. Throws TimeoutError, SerializationError, what the codec throws.
CONCURRENT_FUTURES_DECL bool receive_value(ChannelReader& reader, void* result, DecodeValue decode, const Deadline& deadline);

CONCURRENT_FUTURES_DECL bool is_open(const ChannelWriter& writer) noexcept;
CONCURRENT_FUTURES_DECL bool is_open(const ChannelReader& reader) noexcept;
CONCURRENT_FUTURES_DECL void close_end(ChannelWriter& writer) noexcept;
CONCURRENT_FUTURES_DECL void close_end(ChannelReader& reader) noexcept;

template <class T>
bool send_to(ChannelWriter& writer, const T& value, const Deadline& deadline) {
    return send_value(
        writer, std::addressof(value),
        [](Encoder& encoder, const void* any) { encoder.encode(*static_cast<const T*>(any)); }, deadline);
}
/// Empty at the end.
template <class T>
std::optional<T> receive_from(ChannelReader& reader, const Deadline& deadline) {
    std::optional<T> value;
    receive_value(
        reader, &value,
        [](Decoder& decoder, void* any) {
            T received = decoder.decode<T>();
            decoder.expect_end();
            static_cast<std::optional<T>*>(any)->emplace(std::move(received));
        },
        deadline);
    return value;
}

/// The end leaves this process with the value that is being encoded.
CONCURRENT_FUTURES_DECL void encode_end(Encoder& encoder, const std::shared_ptr<ChannelWriter>& writer);
CONCURRENT_FUTURES_DECL void encode_end(Encoder& encoder, const std::shared_ptr<ChannelReader>& reader);
CONCURRENT_FUTURES_DECL std::shared_ptr<ChannelWriter> decode_writer(Decoder& decoder);
CONCURRENT_FUTURES_DECL std::shared_ptr<ChannelReader> decode_reader(Decoder& decoder);

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail

#if CONCURRENT_FUTURES_HEADER_ONLY
#include "concurrent/futures/impl/channel_ends.hpp"
#endif
