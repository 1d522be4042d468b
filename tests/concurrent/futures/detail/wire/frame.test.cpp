// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/process_memory.hpp>
#include <concurrent/futures/detail/platform/valgrind.hpp>
#include <concurrent/futures/detail/wire/frame.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstdio>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "support/deadline.hpp"
#include "support/processes.hpp"

namespace {

using namespace concurrent::futures::detail;
using concurrent::futures::SerializationError;

std::vector<std::byte> body_of_size(std::size_t size) {
    std::vector<std::byte> body(size);
    for (std::size_t i = 0; i < size; ++i) body[i] = static_cast<std::byte>(i * 7 + size);
    return body;
}

/// What a sender writes: one task frame for each size.
ByteBuffer stream_of(const std::vector<std::size_t>& sizes) {
    ByteBuffer stream;
    for (std::size_t i = 0; i < sizes.size(); ++i)
        append_frame(stream, make_header(FrameType::task, sizes[i], 100 + i, i % 64),
                     body_of_size(sizes[i]));
    return stream;
}

/// Feeds everything in portions of the sizes that `portion` gives, and collects the frames.
std::vector<Frame> assemble(std::span<const std::byte> stream,
                            const std::function<std::size_t()>& portion) {
    FrameAssembler assembler;
    std::vector<Frame> frames;
    while (!stream.empty()) {
        const std::span<std::byte> room = assembler.room();
        REQUIRE(!room.empty());
        const std::size_t size = std::min({room.size(), stream.size(), portion()});
        std::memcpy(room.data(), stream.data(), size);
        assembler.commit(size);
        stream = stream.subspan(size);
        while (auto frame = assembler.next()) {
            frame->body = std::move(frame->body).kept();
            frames.push_back(std::move(*frame));
        }
    }
    return frames;
}

void check_frames(const std::vector<Frame>& frames, const std::vector<std::size_t>& sizes) {
    REQUIRE(frames.size() == sizes.size());
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        CHECK(frames[i].header.type == FrameType::task);
        CHECK(frames[i].header.task == 100 + i);
        CHECK(frames[i].header.slot == i % 64);
        const auto wanted = body_of_size(sizes[i]);
        CHECK(std::ranges::equal(frames[i].body.bytes(), wanted));
        CHECK(reinterpret_cast<std::uintptr_t>(frames[i].body.bytes().data()) % 16 == 0);
    }
}

const std::vector<std::size_t> small_sizes{0, 1, 15, 16, 17, 0, 100, 4096, 31, 32, 33};

TEST_CASE("frames arrive whole when their bytes arrive one at a time", "[frame]") {
    const ByteBuffer stream = stream_of(small_sizes);
    check_frames(assemble(stream.bytes(), [] { return std::size_t{1}; }), small_sizes);
}

TEST_CASE("frames arrive whole when their bytes arrive all at once", "[frame]") {
    const ByteBuffer stream = stream_of(small_sizes);
    check_frames(assemble(stream.bytes(), [] { return std::size_t{1} << 30; }), small_sizes);
}

TEST_CASE("frames arrive whole whatever the portions", "[frame]") {
    const std::vector<std::size_t> sizes{3,      70'000, 0,         16 * 1024, 16 * 1024 - 1,
                                         65'536, 5,      1'000'003, 65'504,    12};
    const ByteBuffer stream = stream_of(sizes);
    std::minstd_rand random(20'250'101);
    for (const std::size_t largest : {7U, 100U, 5'000U, 70'000U, 600'000U}) {
        const auto portion = [&] { return 1 + random() % largest; };
        if (largest > 50) check_frames(assemble(stream.bytes(), portion), sizes);
        const ByteBuffer small = stream_of(small_sizes);
        check_frames(assemble(small.bytes(), portion), small_sizes);
    }
}

TEST_CASE("frames that are there as a whole are lent, aligned, until the assembler is asked for room", "[frame]") {
    const std::vector<std::size_t> sizes{5, 0, 100};
    const ByteBuffer stream = stream_of(sizes);
    FrameAssembler assembler;
    std::memcpy(assembler.room().data(), stream.bytes().data(), stream.size());
    assembler.commit(stream.size());
    std::vector<Frame> frames;
    while (auto frame = assembler.next()) {
        CHECK(frame->body.is_lent());
        CHECK(reinterpret_cast<std::uintptr_t>(frame->body.data()) % 16 == 0);
        frames.push_back(std::move(*frame));
    }
    check_frames(frames, sizes);
}

TEST_CASE("nothing that was received is a frame before its last byte is there", "[frame]") {
    ByteBuffer stream;
    append_frame(stream, make_header(FrameType::result, 40, 7, 3), body_of_size(40));
    FrameAssembler assembler;
    const auto bytes = stream.bytes();
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        CHECK(!assembler.next());
        assembler.room()[0] = bytes[i];
        assembler.commit(1);
        assembler.commit(0);  // a read that found nothing
    }
    const auto frame = assembler.next();
    REQUIRE(frame);
    CHECK(frame->header.task == 7);
    CHECK(assembler.received() == bytes.size());
    CHECK(!assembler.next());
}

TEST_CASE("every flipped bit in a header is noticed", "[frame]") {
    const FrameHeader good = make_header(FrameType::result, 5, 123, 4);
    for (std::size_t bit = 0; bit < sizeof good * 8; ++bit) {
        INFO("bit " << bit);
        std::array<std::byte, sizeof good> bytes;
        std::memcpy(bytes.data(), &good, sizeof good);
        bytes[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
        FrameAssembler assembler;
        std::memcpy(assembler.room().data(), bytes.data(), bytes.size());
        assembler.commit(bytes.size());
        CHECK_THROWS_AS(assembler.next(), SerializationError);
    }
}

TEST_CASE("the message about a bad header says where it is", "[frame]") {
    ByteBuffer stream;
    append_frame(stream, make_header(FrameType::ready, 0), {});
    append_frame(stream, make_header(FrameType::result, 16, 1, 0), body_of_size(16));
    FrameAssembler assembler;
    std::memcpy(assembler.room().data(), stream.bytes().data(), stream.size());
    assembler.commit(stream.size());
    std::memset(assembler.room().data(), 'x', 100);
    assembler.commit(100);
    CHECK(assembler.next());
    CHECK(assembler.next());
    CHECK_THROWS_WITH(assembler.next(), Catch::Matchers::ContainsSubstring("the bytes at 80 "));
}

TEST_CASE("a header that announces more than there can be is no header", "[frame]") {
    FrameHeader header = make_header(FrameType::result, 0);
    header.length = std::uint64_t{1} << 60;
    header.check = header.computed_check();
    FrameAssembler assembler;
    std::memcpy(assembler.room().data(), &header, sizeof header);
    assembler.commit(sizeof header);
    CHECK_THROWS_AS(assembler.next(), SerializationError);
}

TEST_CASE("a header that announces terabytes costs no memory until they arrive", "[frame]") {
    FrameHeader header = make_header(FrameType::result, std::size_t{1} << 45);
    FrameAssembler assembler;
    std::memcpy(assembler.room().data(), &header, sizeof header);
    assembler.commit(sizeof header);
    CHECK(!assembler.next());
    std::size_t arrived = 0;
    for (int i = 0; i < 20; ++i) {
        const std::size_t room = assembler.room().size();
        CHECK(room <= std::max<std::size_t>(arrived, 256 * 1024));
        assembler.commit(room);
        arrived += room;
        CHECK(!assembler.next());
        if (arrived > 8'000'000) break;
    }
}

TEST_CASE("a body for which there is no memory is dropped, and the next frame is whole", "[frame]") {
    if (support::sanitized) SKIP("a sanitizer maps terabytes, which any limit forbids");
    if (runs_under_valgrind()) SKIP("valgrind needs memory of its own for what the program allocates");
    ByteBuffer stream;
    for (const std::size_t size : {std::size_t{100}, std::size_t{100'000'000}, std::size_t{500'000}})
        append_frame(stream, make_header(FrameType::result, size, size), body_of_size(size));
    // In a child, because the limit stays.
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        std::FILE* const status = std::fopen("/proc/self/status", "r");
        std::size_t kibibytes = 0;
        for (char line[256]; std::fgets(line, sizeof line, status);)
            if (std::sscanf(line, "VmData: %zu", &kibibytes) == 1) break;
        std::fclose(status);
        FrameAssembler assembler;
        if (!limit_own_memory(kibibytes * 1024 + 30'000'000)) ::_exit(1);
        std::vector<Frame> frames;
        for (std::size_t done = 0; done < stream.size();) {
            const auto room = assembler.room();
            const std::size_t size = std::min(room.size(), stream.size() - done);
            std::memcpy(room.data(), stream.bytes().data() + done, size);
            assembler.commit(size);
            done += size;
            while (auto frame = assembler.next()) {
                frame->body = std::move(frame->body).kept();
                frames.push_back(std::move(*frame));
            }
        }
        if (frames.size() != 3) ::_exit(2);
        const bool right = !frames[0].lost && frames[0].body.size() == 100 && frames[1].lost &&
                           frames[1].body.empty() && frames[1].header.length == 100'000'000 &&
                           !frames[2].lost && frames[2].body.size() == 500'000;
        ::_exit(right ? 0 : 3);
    }
    int status = 0;
    REQUIRE(support::wait_for_end(child, &status) == child);
    CHECK(status == 0);
}

TEST_CASE("padding fills a body up to a multiple of sixteen, with zeros", "[frame]") {
    for (const std::size_t size : {0U, 1U, 15U, 16U, 17U, 1000U}) {
        ByteBuffer stream;
        append_frame(stream, make_header(FrameType::task, size), body_of_size(size));
        CHECK(stream.size() % 16 == 0);
        CHECK(stream.size() - sizeof(FrameHeader) - size < 16);
        for (const std::byte byte : stream.bytes().subspan(sizeof(FrameHeader) + size))
            CHECK(byte == std::byte{0});
    }
}

}  // namespace
