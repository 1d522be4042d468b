// SPDX-License-Identifier: MIT
//
// impl/channel_ends.hpp: the two ends of a channel; see impl/src.hpp.
#pragma once

#include <memory>
#include <mutex>
#include <utility>

#include "concurrent/futures/detail/channels/channel_ends.hpp"
#include "concurrent/futures/detail/channels/channel_reader.hpp"
#include "concurrent/futures/detail/channels/channel_writer.hpp"
#include "concurrent/futures/detail/platform/descriptor_socket.hpp"
#include "concurrent/futures/detail/platform/shared_block.hpp"
#include "concurrent/futures/detail/wire/pool_descriptors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

CONCURRENT_FUTURES_DECL std::pair<std::shared_ptr<ChannelWriter>, std::shared_ptr<ChannelReader>> make_channel_ends() {
    auto memory = std::make_shared<SharedBlock>(SharedBlock::make(sizeof(ChannelPage)));
    PoolDescriptor ends[2];
    {
        const std::lock_guard lock(PoolDescriptors::instance().mutex);
        auto sockets = make_descriptor_sockets();
        PoolDescriptors::instance().open.reserve(PoolDescriptors::instance().open.size() + 2);
        ends[0] = PoolDescriptor(std::move(sockets.first));
        ends[1] = PoolDescriptor(std::move(sockets.second));
    }
    return {std::make_shared<ChannelWriter>(std::move(ends[0]), memory),
            std::make_shared<ChannelReader>(std::move(ends[1]), memory)};
}

CONCURRENT_FUTURES_DECL bool send_value(ChannelWriter& writer, const void* value, EncodeValue encode, const Deadline& deadline) {
    return writer.send(value, encode, deadline);
}
CONCURRENT_FUTURES_DECL bool receive_value(ChannelReader& reader, void* result, DecodeValue decode, const Deadline& deadline) {
    return reader.receive(result, decode, deadline);
}

CONCURRENT_FUTURES_DECL bool is_open(const ChannelWriter& writer) noexcept { return writer.is_open(); }
CONCURRENT_FUTURES_DECL bool is_open(const ChannelReader& reader) noexcept { return reader.is_open(); }
CONCURRENT_FUTURES_DECL void close_end(ChannelWriter& writer) noexcept { writer.close(); }
CONCURRENT_FUTURES_DECL void close_end(ChannelReader& reader) noexcept { reader.close(); }

CONCURRENT_FUTURES_DECL void encode_end(Encoder& encoder, const std::shared_ptr<ChannelWriter>& writer) {
    ChannelWriter::encode(encoder, writer);
}
CONCURRENT_FUTURES_DECL void encode_end(Encoder& encoder, const std::shared_ptr<ChannelReader>& reader) {
    ChannelReader::encode(encoder, reader);
}
CONCURRENT_FUTURES_DECL std::shared_ptr<ChannelWriter> decode_writer(Decoder& decoder) { return ChannelWriter::decode(decoder); }
CONCURRENT_FUTURES_DECL std::shared_ptr<ChannelReader> decode_reader(Decoder& decoder) { return ChannelReader::decode(decoder); }

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
