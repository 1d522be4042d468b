// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/serialization/byte_buffer.hpp>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

using concurrent::futures::detail::ByteBuffer;

TEST_CASE("a byte buffer keeps its bytes while it grows", "[serialization]") {
    ByteBuffer buffer;
    CHECK(buffer.empty());
    for (unsigned index = 0; index != 10'000; ++index) {
        *buffer.extend(1) = static_cast<std::byte>(index);
    }
    REQUIRE(buffer.size() == 10'000);
    bool kept = true;
    for (unsigned index = 0; index != 10'000; ++index) {
        kept = kept && buffer.data()[index] == static_cast<std::byte>(index);
    }
    CHECK(kept);
}

TEST_CASE("a byte buffer grows geometrically", "[serialization]") {
    ByteBuffer buffer;
    int moves = 0;
    std::size_t capacity = 0;
    for (int index = 0; index != 1'000'000; ++index) {
        buffer.extend(1);
        if (buffer.capacity() != capacity) ++moves;
        capacity = buffer.capacity();
    }
    CHECK(moves < 20);
}

TEST_CASE("clear() keeps the memory for the next message", "[serialization]") {
    ByteBuffer buffer;
    buffer.extend(5'000);
    const std::size_t capacity = buffer.capacity();
    buffer.clear();
    CHECK(buffer.empty());
    CHECK(buffer.capacity() == capacity);
}

TEST_CASE("a moved-from byte buffer is empty and usable", "[serialization]") {
    ByteBuffer first;
    std::memset(first.extend(3), 7, 3);
    ByteBuffer second = std::move(first);
    CHECK(second.size() == 3);
    CHECK(first.empty());
    *first.extend(1) = std::byte{1};
    second = std::move(first);
    REQUIRE(second.size() == 1);
    CHECK(second.data()[0] == std::byte{1});
}

TEST_CASE("a byte buffer starts at a multiple of 16", "[serialization]") {
    ByteBuffer buffer;
    buffer.extend(1);
    CHECK(reinterpret_cast<std::uintptr_t>(buffer.data()) % 16 == 0);
}

TEST_CASE("a byte buffer in lent memory moves to the heap when it grows beyond", "[serialization]") {
    alignas(16) std::array<std::byte, 64> room{};
    ByteBuffer buffer(nullptr, room);
    CHECK(buffer.is_lent());
    std::memset(buffer.extend(64), 7, 64);
    CHECK(buffer.data() == room.data());
    std::memset(buffer.extend(1), 8, 1);
    CHECK(!buffer.is_lent());
    CHECK(buffer.data() != room.data());
    CHECK(buffer.data()[63] == std::byte{7});
    CHECK(buffer.data()[64] == std::byte{8});
    CHECK(room[63] == std::byte{7});
}

TEST_CASE("lent bytes that are kept or moved do not change with what they were lent from", "[serialization]") {
    for (const std::size_t size : {std::size_t{0}, std::size_t{16}}) {
        std::array<std::byte, 16> from{};
        std::array<std::byte, 16> to{};
        ByteBuffer kept = ByteBuffer::of_lent(std::span(from).first(size)).kept();
        ByteBuffer moved = ByteBuffer::of_lent(std::span(from).first(size));
        moved.move_to(to.data());
        from.fill(std::byte{9});
        CHECK(!kept.is_lent());
        REQUIRE(kept.size() == size);
        REQUIRE(moved.size() == size);
        CHECK(moved.data() == to.data());
        for (std::size_t i = 0; i < size; ++i) {
            CHECK(kept.data()[i] == std::byte{0});
            CHECK(moved.data()[i] == std::byte{0});
        }
    }
}

TEST_CASE("a size that does not exist is std::bad_alloc and changes nothing", "[serialization]") {
    ByteBuffer buffer;
    buffer.extend(8);
    CHECK_THROWS_AS(buffer.extend(std::numeric_limits<std::size_t>::max() - 4), std::bad_alloc);
    CHECK(buffer.size() == 8);
}

TEST_CASE("reserve() makes room and takes none away", "[serialization]") {
    ByteBuffer buffer;
    std::memset(buffer.extend(5'000), 7, 5'000);
    buffer.reserve(10);
    CHECK(buffer.capacity() >= 5'000);
    buffer.reserve(20'000);
    CHECK(buffer.capacity() >= 20'000);
    CHECK(buffer.data()[4'999] == std::byte{7});
}
