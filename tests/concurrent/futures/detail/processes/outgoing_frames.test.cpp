// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/processes/control_page.hpp>
#include <concurrent/futures/detail/processes/outgoing_frames.hpp>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "concurrent/futures/detail/processes/recorded_task.hpp"

namespace {

using namespace concurrent::futures::detail;

/// What the worker reads.
struct Reader {
    explicit Reader(ByteRing& ring) : ring_reader(ring) {}
    struct Seen {
        FrameType type;
        std::uint64_t task;
        std::vector<std::byte> body;
    };
    void read() {
        std::size_t available = ring_reader.available();
        while (available > 0) {
            const auto room = assembler->room();
            const std::size_t size = (std::min)(available, room.size());
            ring_reader.read(room.data(), size);
            assembler->commit(size);
            available -= size;
            while (const std::optional<Frame> frame = assembler->next()) {
                const auto body = frame->body.bytes();
                seen.push_back({frame->header.type, frame->header.task, {body.begin(), body.end()}});
            }
        }
        ring_reader.publish();
    }
    RingReader ring_reader;
    std::unique_ptr<FrameAssembler> assembler = std::make_unique<FrameAssembler>();
    std::vector<Seen> seen;
};

ByteBuffer filled(std::size_t size) {
    ByteBuffer bytes;
    std::memset(bytes.extend(size), 5, size);
    return bytes;
}

TEST_CASE("the worker sees a frame when it is flushed", "[outgoing_frames]") {
    const auto ring = std::make_unique<ByteRing>();
    OutgoingFrames frames(*ring);
    Reader worker(*ring);
    CHECK(!frames.flush());
    frames.queue(make_header(FrameType::stop, 0), {});
    CHECK(frames.empty());
    worker.read();
    CHECK(worker.seen.empty());
    CHECK(frames.flush());
    CHECK(!frames.flush());
    worker.read();
    CHECK((worker.seen.size() == 1 && worker.seen[0].type == FrameType::stop));
}

TEST_CASE("what the ring does not take is written later, in the order in which it was queued", "[outgoing_frames]") {
    // Small ones are copied. Large ones that do not fit are written from where they are.
    for (const std::size_t size : {1'000u, 20'001u, 300'000u}) {
        const auto ring = std::make_unique<ByteRing>();
        std::vector<std::unique_ptr<recorded::Task>> tasks;  // outlive what refers to them
        OutgoingFrames frames(*ring);
        Reader worker(*ring);
        for (std::uint64_t id = 1; id <= 200'000 / size + 2; ++id) {
            tasks.push_back(std::make_unique<recorded::Task>(filled(size)));
            tasks.back()->id = id;
            frames.queue_task(*tasks.back(), id % ControlPage::slot_count, nullptr);
        }
        frames.queue(make_header(FrameType::stop, 0), {});
        CHECK(!frames.empty());
        const bool in_place = size > 16 * 1024;
        CHECK((tasks.back()->outputs == 1) == in_place);
        CHECK((tasks.back()->references == 2) == in_place);
        for (int rounds = 0; rounds < 1'000 && !frames.empty(); ++rounds) {
            frames.flush();
            worker.read();
        }
        frames.flush();
        worker.read();
        REQUIRE(worker.seen.size() == tasks.size() + 1);
        for (std::size_t i = 0; i < tasks.size(); ++i) {
            CHECK((worker.seen[i].type == FrameType::task && worker.seen[i].task == i + 1));
            CHECK(worker.seen[i].body == std::vector(size, std::byte{5}));
            CHECK((tasks[i]->outputs == 0 && tasks[i]->references == 1));
        }
        CHECK(worker.seen.back().type == FrameType::stop);
    }
}

TEST_CASE("frames that are dropped give back the references to their tasks", "[outgoing_frames]") {
    recorded::Task task(filled(100'000));
    const auto ring = std::make_unique<ByteRing>();
    {
        OutgoingFrames frames(*ring);
        frames.queue_task(task, 0, nullptr);
        frames.flush();
        CHECK((task.references == 2 && !frames.empty()));
        frames.drop();
        CHECK((task.references == 1 && task.outputs == 0 && frames.empty()));
        frames.queue_task(task, 0, nullptr);
    }
    CHECK((task.references == 1 && task.outputs == 0));
}

TEST_CASE("a reader that is where no reader can be is an error", "[outgoing_frames]") {
    const auto ring = std::make_unique<ByteRing>();
    recorded::Task task(filled(100'000));
    OutgoingFrames frames(*ring);
    frames.queue_task(task, 0, nullptr);
    ring->read = 1'000'000;
    CHECK_THROWS_AS(frames.flush(), concurrent::futures::SerializationError);
}

}  // namespace
