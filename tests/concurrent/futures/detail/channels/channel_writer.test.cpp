// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/channels/channel_writer.hpp>

#include <catch2/catch_test_macros.hpp>
#include <concurrent/futures/channel.hpp>
#include <chrono>
#include <cstddef>
#include <string>

namespace detail = concurrent::futures::detail;
using namespace std::chrono_literals;

namespace {

/// How many bytes of the ring a value takes that goes through in one piece.
std::size_t size_in_ring(const std::string& value) {
    concurrent::futures::Encoder encoder;
    encoder.encode(value);
    return sizeof(detail::ChunkHeader) + encoder.size();
}

}  // namespace

TEST_CASE("a value that was taken back is not received, though later ones gave up before there was room to say so", "[channel]") {
    auto [sender, receiver] = concurrent::futures::make_channel<std::string>();
    // What four values leave free is one piece of a large one, and not a byte more.
    constexpr std::size_t piece = sizeof(detail::ChunkHeader) + detail::chunk_limit;
    static_assert((detail::ChannelRing::capacity - piece) % 4 == 0);
    const std::string quarter((detail::ChannelRing::capacity - piece) / 4 - size_in_ring(""), '.');
    for (int value = 0; value < 4; ++value) REQUIRE(sender.send(quarter, 0ms));
    CHECK_FALSE(sender.send(std::string(2 * piece, 'x'), 0ms));  // its first piece is in the channel
    for (int tries = 0; tries < 2; ++tries) CHECK_FALSE(sender.send("in vain", 0ms));
    for (int value = 0; value < 4; ++value) CHECK(receiver.receive() == quarter);
    REQUIRE(sender.send("whole", 0ms));
    CHECK(receiver.receive() == "whole");
}
