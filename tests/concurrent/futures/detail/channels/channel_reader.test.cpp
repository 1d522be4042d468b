// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/channels/channel_reader.hpp>
#include <concurrent/futures/detail/channels/channel_ends.hpp>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <concurrent/futures/promise.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "support/deep_callbacks.hpp"

namespace detail = concurrent::futures::detail;
using concurrent::futures::SerializationError;
using namespace std::chrono_literals;

namespace {

/// A receiver, and the memory and socket of a sender that is not to be trusted.
class HostileSender {
  public:
    HostileSender()
        : memory_(std::make_shared<detail::SharedBlock>(detail::SharedBlock::make(sizeof(detail::ChannelPage)))) {
        detail::PoolDescriptor end;
        {
            const std::lock_guard lock(detail::PoolDescriptors::instance().mutex);
            auto sockets = detail::make_descriptor_sockets();
            socket_ = detail::PoolDescriptor(std::move(sockets.first));
            end = detail::PoolDescriptor(std::move(sockets.second));
        }
        reader_ = std::make_unique<detail::ChannelReader>(std::move(end), memory_);
    }
    detail::ChannelPage& page() { return *reinterpret_cast<detail::ChannelPage*>(memory_->data()); }
    void write(std::uint32_t size, std::uint32_t flags, std::size_t bytes) {
        detail::RingWriterOf<detail::ChannelRing> writer(page().ring);
        const detail::ChunkHeader header{size, flags};
        const std::vector<std::byte> body(bytes, std::byte{0xee});
        writer.write(std::as_bytes(std::span(&header, 1)));
        writer.write(body);
        writer.publish();
    }
    std::optional<std::string> receive() {
        return detail::receive_from<std::string>(*reader_, detail::Deadline::after(10s));
    }

  private:
    std::shared_ptr<detail::SharedBlock> memory_;
    detail::PoolDescriptor socket_;
    std::unique_ptr<detail::ChannelReader> reader_;
};

}  // namespace

TEST_CASE("headers that cannot be are a SerializationError, and end the channel", "[channel]") {
    struct Header {
        std::uint32_t size;
        std::uint32_t flags;
        std::size_t bytes;
    };
    using detail::ChunkHeader;
    for (const Header& header : {Header{0xffff'ffff, ChunkHeader::last, 100}, Header{100, ChunkHeader::last, 50},
                                 Header{50, 3, 50}, Header{50, 77, 50},
                                 Header{4, ChunkHeader::last | 5 << ChunkHeader::count_shift, 4},
                                 Header{16, ChunkHeader::last | 5 << ChunkHeader::count_shift, 16}}) {
        HostileSender sender;
        sender.write(header.size, header.flags, header.bytes);
        CHECK_THROWS_AS(sender.receive(), SerializationError);
        CHECK_FALSE(sender.receive());
    }
}

TEST_CASE("a sender that is nowhere in the ring is a SerializationError", "[channel]") {
    HostileSender sender;
    // relaxed: there is one thread.
    sender.page().ring.written.store(~std::uint64_t{0}, std::memory_order_relaxed);
    CHECK_THROWS_AS(sender.receive(), SerializationError);
    CHECK_FALSE(sender.receive());
}

TEST_CASE("bytes that are no value are a SerializationError, and the channel goes on", "[channel]") {
    HostileSender sender;
    sender.write(50, detail::ChunkHeader::last, 50);
    CHECK_THROWS_AS(sender.receive(), SerializationError);
    sender.write(50, detail::ChunkHeader::last, 50);
    CHECK_THROWS_AS(sender.receive(), SerializationError);
}

TEST_CASE("a sender that sleeps is woken when half of the channel is free, or at once if it has slept for a while", "[channel]") {
    constexpr std::uint32_t size = 40'000, values = detail::ChannelRing::capacity / (size + sizeof(detail::ChunkHeader));
    const auto remaining = GENERATE(std::uint32_t{4}, std::uint32_t{3});
    const bool has_slept = GENERATE(false, true);
    HostileSender sender;
    for (std::uint32_t value = 0; value < values; ++value) sender.write(size, detail::ChunkHeader::last, size);
    const auto receive = [&] { CHECK_THROWS_AS(sender.receive(), SerializationError); };  // the bytes are no string
    for (std::uint32_t left = values; left > remaining + 1; --left) receive();
    sender.page().writer_bell.expect(has_slept ? detail::Bell::room | detail::Bell::any_room : detail::Bell::room);
    receive();
    const bool is_half_free = remaining * size <= detail::ChannelRing::capacity / 2;
    CHECK(is_half_free == (remaining == 3));
    const bool was_woken = !sender.page().writer_bell.must_ring(detail::Bell::room);
    CHECK(was_woken == (is_half_free || has_slept));
}

TEST_CASE("receive() first runs the callbacks that its thread has put off: they may be what sends", "[channel]") {
    HostileSender sender;
    concurrent::futures::Promise<void> promise;
    promise.get_future().add_done_callback(
        [&](const auto&) { sender.write(50, detail::ChunkHeader::last, 50); });  // the bytes are no string
    support::in_deep_callbacks<concurrent::futures::Promise<void>>([&] {
        promise.set_value();
        CHECK_THROWS_AS(sender.receive(), SerializationError);
    });
}
