// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/channels/channel_writer.hpp>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <concurrent/futures/channel.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace detail = concurrent::futures::detail;
using namespace std::chrono_literals;

namespace {

/// How many bytes of the ring a value takes that goes through in one piece.
std::size_t size_in_ring(const std::string& value) {
    concurrent::futures::Encoder encoder;
    encoder.encode(value);
    return sizeof(detail::ChunkHeader) + encoder.size();
}

/// Their number, and so many descriptors.
void write_descriptors(concurrent::futures::Encoder& encoder, const void* value) {
    const auto count = *static_cast<const std::uint64_t*>(value);
    encoder.write_u64(count);
    for (std::uint64_t n = 0; n < count; ++n) detail::DescriptorsOut::current().add(STDERR_FILENO);
}
void read_descriptors(concurrent::futures::Decoder& decoder, void* value) {
    auto& count = *static_cast<std::uint64_t*>(value);
    count = decoder.read_u64();
    for (std::uint64_t n = 0; n < count; ++n) REQUIRE(detail::DescriptorsIn::current().take(n));
}

/// From now on a few descriptors fill the socket of this end.
void shrink_socket(const std::shared_ptr<detail::ChannelWriter>& writer) {
    detail::DescriptorsOut descriptors;
    concurrent::futures::Encoder encoder;
    detail::ChannelWriter::encode(encoder, writer);  // names the socket first
    const int least = 1;
    REQUIRE(::setsockopt(descriptors.items().front().fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof least) == 0);
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

namespace {

struct Load {
    concurrent::futures::Sender<int> end;
    std::string weight;
};

}  // namespace

TEST_CASE("the end in a value that was taken back after its descriptors had gone is not taken for a later one", "[channel]") {
    auto [sender, receiver] = concurrent::futures::make_channel<Load>();
    const auto load = [](concurrent::futures::Receiver<int>& other_end, std::size_t weight) {
        auto [in, out] = concurrent::futures::make_channel<int>();
        other_end = std::move(out);
        return Load{std::move(in), std::string(weight, '.')};
    };
    concurrent::futures::Receiver<int> other_ends[6];
    for (int value = 0; value < 4; ++value) REQUIRE(sender.send(load(other_ends[value], detail::chunk_limit - 200), 0ms));
    Load taken_back = load(other_ends[4], 2000);
    CHECK_FALSE(sender.send(std::move(taken_back), 0ms));  // no room; the socket has room
    CHECK(taken_back.end.is_open());
    REQUIRE(receiver.receive());
    REQUIRE(sender.send(load(other_ends[5], 0), 0ms));
    for (int value = 1; value < 4; ++value) CHECK(receiver.receive());
    auto last = receiver.receive();
    REQUIRE(last);
    last->end.send(6);
    CHECK(other_ends[5].receive() == 6);
    taken_back.end.send(5);
    CHECK(other_ends[4].receive() == 5);
}

TEST_CASE("send() with a time is false when no more descriptors may be on their way, and the channel goes on", "[channel]") {
    auto [sender, receiver] = concurrent::futures::make_channel<concurrent::futures::Sender<int>>();
    const auto send = [&] { return sender.send(std::move(concurrent::futures::make_channel<int>().first), 0ms); };
    int sent = 0;
    while (send()) ++sent;
    REQUIRE(sent > 0);
    for (int value = 0; value < sent; ++value) CHECK(receiver.receive());
    REQUIRE(send());
    CHECK(receiver.receive());
}

TEST_CASE("a value that was taken back when a part of its descriptors had been sent is not mixed up with the next one", "[channel]") {
    const auto [writer, reader] = detail::make_channel_ends();
    shrink_socket(writer);
    const std::uint64_t many = 100, few = 2;
    std::uint64_t received = 0;
    CHECK_FALSE(writer->send(&many, write_descriptors, detail::Deadline::after(0ms)));
    CHECK_THROWS_AS(reader->receive(&received, read_descriptors, detail::Deadline::after(0ms)),
                    concurrent::futures::TimeoutError);  // takes all out of the socket
    REQUIRE(writer->send(&few, write_descriptors, detail::Deadline::never()));
    REQUIRE(reader->receive(&received, read_descriptors, detail::Deadline::never()));
    CHECK(received == few);
}
