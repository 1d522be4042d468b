// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/mpi/frame_batch.hpp>

#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

namespace {

using namespace concurrent::futures::detail;
using concurrent::futures::SerializationError;

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }
std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
bool no_fetch(ByteBuffer&, std::size_t) { return false; }
std::shared_ptr<const ByteBuffer> batch_of(Outgoing& out) {
    return std::make_shared<const ByteBuffer>(std::exchange(out.batch, ByteBuffer()));
}

TEST_CASE("the frames of several batches come out in order", "[frame_batch]") {
    Outgoing out;
    CHECK(out.empty());
    out.add(FrameType::task, 7, 1, bytes_of("one"), 42);
    out.add(FrameType::recall, 0, 2, {});
    Inbound in;
    in.add(batch_of(out));
    out.add(FrameType::stop, 9, 0, bytes_of("three"));
    in.add(batch_of(out));

    auto frame = in.next(no_fetch);
    REQUIRE(frame);
    CHECK((frame->header.type == FrameType::task && frame->header.task == 7 && frame->header.slot == 1));
    CHECK(frame->header.reserved_too == 42);
    CHECK(text_of(frame->body) == "one");
    frame = in.next(no_fetch);
    REQUIRE(frame);
    CHECK((frame->header.type == FrameType::recall && frame->body.empty()));
    frame = in.next(no_fetch);
    REQUIRE(frame);
    CHECK(text_of(frame->body) == "three");
    CHECK(!in.next(no_fetch));
}

TEST_CASE("a large body is not copied into the batch, and what follows it waits until it is there", "[frame_batch]") {
    const std::string large(bulk_from, 'x');
    Outgoing out;
    out.add(FrameType::task, 1, 0, bytes_of(large));
    out.add(FrameType::task, 2, 0, bytes_of("small"));
    REQUIRE(out.bulks.size() == 1);
    CHECK(static_cast<const void*>(out.bulks.front().bytes.data()) == large.data());
    CHECK(out.batch.size() < 1000);

    Inbound in;
    in.add(batch_of(out));
    CHECK(!in.next(no_fetch));
    const auto fetch = [&](ByteBuffer& body, std::size_t length) {
        std::memcpy(body.extend(length), large.data(), length);
        return true;
    };
    auto frame = in.next(fetch);
    REQUIRE(frame);
    CHECK(text_of(frame->body) == large);
    CHECK(frame->bulk.size() == large.size());
    frame = in.next(no_fetch);
    REQUIRE(frame);
    CHECK(text_of(frame->body) == "small");
}

TEST_CASE("a damaged batch is an error that says so", "[frame_batch]") {
    Outgoing out;
    out.add(FrameType::task, 1, 0, bytes_of("some bytes"));
    ByteBuffer batch = std::move(out.batch);
    SECTION("cut off") { batch.truncate(batch.size() - 1); }
    SECTION("a byte of the header is another") { batch.data()[9] ^= std::byte{1}; }
    SECTION("shorter than a header") { batch.truncate(3); }
    Inbound in;
    in.add(std::make_shared<const ByteBuffer>(std::move(batch)));
    CHECK_THROWS_AS(in.next(no_fetch), SerializationError);
}

}  // namespace
