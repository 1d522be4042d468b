// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/serialization/encoder.hpp>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "round_trip.hpp"

namespace {

struct ForeignCategory : std::error_category {
    const char* name() const noexcept override { return "foreign"; }
    std::string message(int) const override { return "foreign error"; }
};

}  // namespace

TEST_CASE("scalars are packed and aligned ranges are padded with zeros", "[serialization]") {
    cf::Encoder encoder;
    encoder(true, std::int32_t{-1});
    CHECK(encoder.size() == 5);
    encoder.encode(std::vector<double>{1.5});
    // 5, count up to 13, padding up to 16, one double
    REQUIRE(encoder.size() == 24);
    CHECK(std::ranges::all_of(encoder.bytes().subspan(13, 3),
                              [](std::byte byte) { return byte == std::byte{0}; }));
}

TEST_CASE("align() pads to a multiple and no further", "[serialization]") {
    cf::Encoder encoder;
    encoder.align(16);
    CHECK(encoder.size() == 0);
    encoder.encode('a');
    encoder.align(8);
    CHECK(encoder.size() == 8);
    encoder.align(8);
    CHECK(encoder.size() == 8);
}

TEST_CASE("operator() and operator& write the same bytes as encode()", "[serialization]") {
    cf::Encoder one;
    cf::Encoder two;
    cf::Encoder three;
    one.encode(1);
    one.encode(std::string("x"));
    two(1, std::string("x"));
    three & 1 & std::string("x");
    CHECK(std::ranges::equal(one.bytes(), two.bytes()));
    CHECK(std::ranges::equal(one.bytes(), three.bytes()));
}

TEST_CASE("a reserved number is patched in place", "[serialization]") {
    cf::Encoder encoder;
    encoder.encode('a');
    const std::size_t offset = encoder.reserve_u64();
    encoder.encode(std::vector<char>(1'000, 'x'));
    encoder.patch_u64(offset, 0x0102030405060708);
    cf::Decoder decoder(encoder.bytes());
    CHECK(decoder.decode<char>() == 'a');
    CHECK(decoder.read_u64() == 0x0102030405060708);
}

TEST_CASE("an encoder goes on in the buffer it is given and hands it back", "[serialization]") {
    cf::Encoder first;
    first.encode(1);
    cf::Encoder second(std::move(first).take());
    second.encode(2);
    const cf::detail::ByteBuffer bytes = std::move(second).take();
    CHECK(decoded<std::pair<int, int>>(bytes) == std::pair(1, 2));
}

TEST_CASE("clear() starts a new message in the same memory", "[serialization]") {
    cf::Encoder encoder;
    encoder.encode(std::string(1'000, 'x'));
    const std::byte* const before = encoder.bytes().data();
    encoder.clear();
    encoder.encode(1);
    CHECK(encoder.size() == sizeof(int));
    CHECK(encoder.bytes().data() == before);
}

TEST_CASE("truncate() takes back what a codec wrote before it threw", "[serialization]") {
    cf::Encoder encoder;
    encoder.encode(7);
    const std::size_t good = encoder.size();
    const ForeignCategory foreign;
    const std::vector<std::error_code> codes = {
        {}, std::make_error_code(std::errc::io_error), std::error_code(1, foreign)};
    CHECK_THROWS_AS(encoder.encode(codes), cf::SerializationError);
    CHECK(encoder.size() > good);
    encoder.truncate(good);
    encoder.encode(8);
    CHECK(decoded<std::pair<int, int>>(encoder.bytes()) == std::pair(7, 8));
}

TEST_CASE("a cycle of shared pointers is an error, not the end of the stack", "[serialization]") {
    struct Node {
        std::shared_ptr<Node> next;
    };
    auto node = std::make_shared<Node>();
    node->next = node;
    CHECK_THROWS_AS(encoded(node), cf::SerializationError);
    node->next = nullptr;
    cf::Encoder encoder;
    encoder.encode(node);
    CHECK(encoder.size() == 2);
}

TEST_CASE("after a refused value the encoder is at depth zero again", "[serialization]") {
    struct Node {
        std::shared_ptr<Node> next;
    };
    auto cycle = std::make_shared<Node>();
    cycle->next = cycle;
    cf::Encoder encoder;
    CHECK_THROWS_AS(encoder.encode(cycle), cf::SerializationError);
    encoder.clear();
    auto chain = std::make_shared<Node>();
    for (int length = 0; length != 250; ++length) chain = std::make_shared<Node>(Node{chain});
    CHECK_NOTHROW(encoder.encode(chain));
    cycle->next = nullptr;
}

TEST_CASE("write_bytes() writes any number of bytes", "[serialization]") {
    cf::Encoder encoder;
    encoder.write_bytes("", 0);
    encoder.write_bytes("a", 1);
    encoder.write_bytes("bc", 2);
    REQUIRE(encoder.size() == 3);
    CHECK(encoder.bytes()[0] == std::byte{'a'});
    CHECK(encoder.bytes()[2] == std::byte{'c'});
}
