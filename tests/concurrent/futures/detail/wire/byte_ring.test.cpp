// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/wire/byte_ring.hpp>

#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <mutex>
#include <condition_variable>
#include <random>
#include <thread>
#include <vector>

namespace {

using namespace concurrent::futures::detail;
using concurrent::futures::SerializationError;

std::vector<std::byte> bytes_from(unsigned first, std::size_t count) {
    std::vector<std::byte> made(count);
    for (std::byte& each : made) each = static_cast<std::byte>(first++);
    return made;
}

std::vector<std::byte> read_all(RingReader& reader) {
    std::vector<std::byte> got(reader.available());
    reader.read(got.data(), got.size());
    reader.publish();
    return got;
}

TEST_CASE("what is written into a ring is read after it is published, in order, across its end", "[byte_ring]") {
    const auto ring = std::make_unique<ByteRing>();
    RingWriter writer(*ring);
    RingReader reader(*ring);
    std::mt19937 random(1);
    for (unsigned round = 0; round < 200; ++round) {
        const auto sent = bytes_from(round, random() % (ByteRing::capacity / 3) + 1);
        CHECK_FALSE(reader.has_news());
        REQUIRE(writer.write(sent) == sent.size());
        CHECK(writer.has_unpublished());
        CHECK(reader.available() == 0);
        writer.publish();
        CHECK_FALSE(writer.has_unpublished());
        CHECK(reader.has_news());
        REQUIRE(read_all(reader) == sent);
    }
}

TEST_CASE("a ring may be written and read byte by byte", "[byte_ring]") {
    const auto ring = std::make_unique<ByteRing>();
    RingWriter writer(*ring);
    RingReader reader(*ring);
    for (unsigned number = 0; number < 300; ++number) {
        const auto sent = bytes_from(number, 1);
        REQUIRE(writer.write(sent) == 1);
        writer.publish();
        REQUIRE(read_all(reader) == sent);
        REQUIRE(reader.available() == 0);
    }
}

TEST_CASE("a ring takes as much as it has room for, and more when that is read", "[byte_ring]") {
    const auto ring = std::make_unique<ByteRing>();
    RingWriter writer(*ring);
    RingReader reader(*ring);
    const auto sent = bytes_from(0, ByteRing::capacity + 100);
    CHECK(writer.write(sent) == ByteRing::capacity);
    CHECK(writer.write(sent) == 0);
    CHECK(writer.room_for(1) == 0);
    writer.publish();
    REQUIRE(reader.available() == ByteRing::capacity);
    std::vector<std::byte> first(10);
    reader.read(first.data(), first.size());
    CHECK(writer.room_for(1) == 0);  // not yet given back
    reader.publish();
    CHECK(writer.room_for(100) == 10);
    CHECK(writer.write(std::span(sent).subspan(ByteRing::capacity)) == 10);
}

TEST_CASE("another writer of a full ring has no room, and writes over nothing", "[byte_ring]") {
    const auto ring = std::make_unique<ByteRing>();
    const auto sent = bytes_from(0, ByteRing::capacity - 10);
    {
        RingWriter writer(*ring);
        REQUIRE(writer.write(sent) == sent.size());
        writer.publish();
    }
    RingWriter writer(*ring);
    CHECK(writer.write(bytes_from(7, 100)) == 10);
    CHECK(writer.room_for(1) == 0);
    RingReader reader(*ring);
    std::vector<std::byte> got(reader.available());
    REQUIRE(got.size() == sent.size());
    reader.read(got.data(), got.size());
    CHECK(got == sent);
}

TEST_CASE("another writer or reader goes on where the last one left off", "[byte_ring]") {
    const auto ring = std::make_unique<ByteRing>();
    for (unsigned round = 0; round < 5; ++round) {
        const auto sent = bytes_from(round, 20'000);
        RingWriter writer(*ring);
        REQUIRE(writer.write(sent) == sent.size());
        writer.publish();
        RingReader reader(*ring);
        CHECK(read_all(reader) == sent);
    }
}

TEST_CASE("positions that cannot be are no positions", "[byte_ring]") {
    const auto ring = std::make_unique<ByteRing>();
    RingWriter writer(*ring);
    RingReader reader(*ring);
    const auto some = bytes_from(0, 1000);
    writer.write(some);
    writer.publish();
    for (const std::uint64_t wrong : {std::uint64_t{ByteRing::capacity} + 1, std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
        ring->written.store(wrong);
        CHECK_THROWS_AS(reader.available(), SerializationError);
        CHECK(reader.has_news());
    }
    for (const std::uint64_t wrong : {std::uint64_t{1001}, std::uint64_t{1} << 63}) {
        ring->read.store(wrong);
        const auto full = bytes_from(0, ByteRing::capacity);
        CHECK_THROWS_AS(writer.write(full), SerializationError);
        CHECK_THROWS_AS(writer.write(full), SerializationError);
        CHECK_FALSE(writer.has_unpublished());
    }
}

TEST_CASE("a bell rings once for what is waited for, and for nothing else", "[byte_ring]") {
    Bell bell;
    CHECK_FALSE(bell.must_ring(Bell::bytes));
    bell.expect(Bell::bytes);
    CHECK_FALSE(bell.must_ring(Bell::room));
    CHECK(bell.must_ring(Bell::bytes));
    CHECK_FALSE(bell.must_ring(Bell::bytes));
    bell.expect(Bell::bytes | Bell::room);
    CHECK(bell.must_ring(Bell::room));
    CHECK_FALSE(bell.must_ring(Bell::bytes));
    bell.expect(Bell::bytes);
    bell.forget();
    CHECK_FALSE(bell.must_ring(Bell::bytes));
}

/// Stands for the pipe.
class Doorbell {
  public:
    void ring() {
        const std::lock_guard lock(mutex_);
        rung_ = true;
        changed_.notify_all();
    }
    void wait() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return rung_; });
        rung_ = false;
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool rung_ = false;
};

TEST_CASE("nobody sleeps while there is something for him: two threads that wake each other by bells only", "[byte_ring]") {
    const auto ring = std::make_unique<ByteRing>();
    Bell writers_bell;
    Bell readers_bell;
    Doorbell writers_door;
    Doorbell readers_door;
    constexpr std::size_t total = 3'000'000;
    const auto sent = bytes_from(0, total);
    std::thread writing([&] {
        RingWriter writer(*ring);
        std::mt19937 random(2);
        for (std::size_t done = 0; done < total;) {
            const std::size_t portion = std::min<std::size_t>(random() % 3000 + 1, total - done);
            const std::size_t size = writer.write(std::span(sent).subspan(done, portion));
            done += size;
            if (size > 0) {
                writer.publish();
                if (readers_bell.must_ring(Bell::bytes)) readers_door.ring();
                continue;
            }
            writers_bell.expect(Bell::room);
            if (writer.room_for(1) == 0) writers_door.wait();
        }
    });
    RingReader reader(*ring);
    std::vector<std::byte> got;
    while (got.size() < total) {
        const auto part = read_all(reader);
        got.insert(got.end(), part.begin(), part.end());
        if (writers_bell.must_ring(Bell::room)) writers_door.ring();
        if (!part.empty()) continue;
        readers_bell.expect(Bell::bytes);
        if (!reader.has_news()) readers_door.wait();
    }
    writing.join();
    CHECK(got == sent);
}

}  // namespace
