// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/serialization/decoder.hpp>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "round_trip.hpp"

using Catch::Matchers::Message;

namespace {

struct Child {
    std::unique_ptr<Child> next;
};

}  // namespace

TEST_CASE("an error names the type, the offset and what was missing", "[serialization]") {
    cf::Encoder encoder;
    encoder(1, std::uint64_t{1'000});
    cf::Decoder decoder(encoder.bytes());
    decoder.decode<int>();
    CHECK_THROWS_MATCHES(decoder.decode<std::vector<int>>(), cf::SerializationError,
                         Message("cannot decode std::vector<int, std::allocator<int> > at byte "
                                 "12: 1000 elements announced, 0 bytes left"));
    cf::Decoder second(encoder.bytes());
    second.read_bytes(10);
    CHECK_THROWS_MATCHES(second.decode<int>(), cf::SerializationError,
                         Message("cannot decode int at byte 10: 4 bytes needed, 2 left"));
}

TEST_CASE("a failed read consumes nothing", "[serialization]") {
    const std::array<std::byte, 3> bytes{};
    cf::Decoder decoder(bytes);
    CHECK_THROWS_AS(decoder.decode<int>(), cf::SerializationError);
    CHECK(decoder.offset() == 0);
    CHECK(decoder.remaining() == 3);
    CHECK(decoder.decode<std::uint16_t>() == 0);
}

TEST_CASE("trailing bytes are found by expect_end()", "[serialization]") {
    cf::Encoder encoder;
    encoder(1, 'x');
    cf::Decoder decoder(encoder.bytes());
    decoder.decode<int>();
    CHECK_THROWS_MATCHES(decoder.expect_end(), cf::SerializationError,
                         Message("1 bytes are left after the last value, at byte 4"));
    decoder.decode<char>();
    CHECK_NOTHROW(decoder.expect_end());
}

TEST_CASE("no bytes at all can be decoded into nothing only", "[serialization]") {
    cf::Decoder decoder({});
    CHECK_NOTHROW(decoder.expect_end());
    CHECK_NOTHROW(decoder.decode<std::monostate>());
    CHECK(decoder.read_bytes(0).empty());
    CHECK_THROWS_AS(decoder.decode<char>(), cf::SerializationError);
    CHECK_THROWS_AS(decoder.decode_view<std::string_view>(), cf::SerializationError);
}

TEST_CASE("a section sees its own bytes only and keeps the alignment", "[serialization]") {
    cf::Encoder encoder;
    encoder.encode('a');
    const std::size_t length = encoder.reserve_u64();
    const std::size_t start = encoder.size();
    encoder.encode(std::vector<double>{2.5});
    encoder.patch_u64(length, encoder.size() - start);
    encoder.encode(9);

    cf::Decoder decoder(encoder.bytes(), 42);
    decoder.decode<char>();
    cf::Decoder section = decoder.section(decoder.read_u64());
    CHECK(section.sender() == 42);
    CHECK(section.decode<std::vector<double>>() == std::vector{2.5});
    CHECK_NOTHROW(section.expect_end());
    CHECK_THROWS_AS(section.decode<int>(), cf::SerializationError);
    CHECK(decoder.decode<int>() == 9);
    CHECK_THROWS_AS(decoder.section(1), cf::SerializationError);
}

TEST_CASE("hostile nesting is an error, not the end of the stack", "[serialization]") {
    const std::vector<std::byte> ones(1'000'000, std::byte{1});
    CHECK_THROWS_AS(decoded<Child>(ones), cf::SerializationError);
}

TEST_CASE("elements without bytes are limited for the whole message", "[serialization]") {
    using Empties = std::vector<std::monostate>;
    CHECK(round_trip(Empties(60'000)).size() == 60'000);
    CHECK_THROWS_AS(encoded(Empties(70'000)), cf::SerializationError);
    // Each is within the limit, both together are not.
    CHECK_THROWS_AS(round_trip(std::pair(Empties(60'000), Empties(60'000))),
                    cf::SerializationError);
    cf::Encoder hostile;
    hostile.write_u64(std::uint64_t{1} << 60);
    CHECK_THROWS_AS(decoded<Empties>(hostile.bytes()), cf::SerializationError);
}

TEST_CASE("objects that exist are assigned by operator() and operator&", "[serialization]") {
    cf::Encoder encoder;
    encoder(1, std::string("x"), 2.5);
    int number = 0;
    std::string text;
    double real = 0;
    cf::Decoder decoder(encoder.bytes());
    decoder(number, text) & real;
    CHECK(number == 1);
    CHECK(text == "x");
    CHECK(real == 2.5);
}
