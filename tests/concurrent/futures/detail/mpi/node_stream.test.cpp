// SPDX-License-Identifier: MIT
//
// NodeStream: both sides in one process.
#include <concurrent/futures/detail/mpi/node_stream.hpp>

#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace concurrent::futures::detail;
using concurrent::futures::Encoder;
using Access = SharedMemory::Access;
constexpr std::size_t mebibyte = 1024 * 1024;

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }
std::string text_of(const ReceivedFrame& frame) {
    return {reinterpret_cast<const char*>(frame.body.data()), frame.body.size()};
}

struct Memory {
    Memory() {
        const std::lock_guard lock(PoolDescriptors::instance().mutex);
        calls = PayloadArena::over(SharedMemory::make(64 * mebibyte, Access::write));
        seen_calls = PayloadView::of_calls(
            SharedMemory::map(calls->region().descriptor(Access::read), Access::read));
        SharedMemory region = SharedMemory::make(64 * mebibyte, Access::read);
        results = PayloadArena::over(SharedMemory::map(region.descriptor(Access::write), Access::write));
        seen_results = PayloadView::of_results(std::move(region));
    }
    PayloadHandle<PayloadArena> calls, results;
    PayloadHandle<PayloadView> seen_calls, seen_results;
};

/// A root and a rank, and the memory between them.
struct Node : Memory {
    /// The next frame, if it has come.
    static std::optional<ReceivedFrame> next(NodeStream& at, Inbound& frames) {
        return frames.next([&](ByteBuffer& body, std::size_t) {
            std::optional<ByteBuffer> shared = at.next_bulk();
            if (shared) body = std::move(*shared);
            return shared.has_value();
        });
    }

    std::unique_ptr<NodeLink> link = std::make_unique<NodeLink>();
    SharedDoorbell root_bell;
    NodeStream root{link->calls, link->replies, link->rank_bell, calls.get(), seen_results.get()};
    NodeStream rank{link->replies, link->calls, root_bell, results.get(), seen_calls.get()};
    Inbound at_root, at_rank;
};

TEST_CASE("batches cross a node in order, in both directions", "[node_stream]") {
    Node node;
    Outgoing out;
    CHECK(!node.rank.receive(node.at_rank));
    out.add(FrameType::task, 1, 0, bytes_of("one"));
    out.add(FrameType::task, 2, 0, bytes_of("two"));
    node.root.send(out);
    CHECK(out.empty());
    out.add(FrameType::task, 3, 0, bytes_of("three"));
    node.root.send(out);
    CHECK(node.rank.has_news());
    while (node.rank.receive(node.at_rank)) {}
    CHECK(!node.rank.has_news());
    for (const char* const expected : {"one", "two", "three"}) {
        const auto frame = Node::next(node.rank, node.at_rank);
        REQUIRE(frame);
        CHECK(text_of(*frame) == expected);
    }
    CHECK(!Node::next(node.rank, node.at_rank));

    out.add(FrameType::result, 3, 0, bytes_of("done"));
    node.rank.send(out);
    REQUIRE(node.root.receive(node.at_root));
    const auto reply = Node::next(node.root, node.at_root);
    REQUIRE(reply);
    CHECK(text_of(*reply) == "done");
}

TEST_CASE("what a ring has no room for is sent as the other side reads", "[node_stream]") {
    Node node;
    constexpr std::size_t frames = 100;
    const std::string body(30'000, 'x');
    for (std::size_t i = 0; i < frames; ++i) {
        Outgoing out;
        out.add(FrameType::task, i, 0, bytes_of(body));
        if (i % 3 == 0) out.add(FrameType::task_name, i, 0, bytes_of("a name"));
        node.root.send(out);
    }
    CHECK(node.root.is_sending());
    std::size_t tasks = 0;
    for (bool more = true; more;) {
        more = !node.root.flush();
        while (node.rank.receive(node.at_rank)) {}
        while (const auto frame = Node::next(node.rank, node.at_rank)) {
            if (frame->header.type != FrameType::task) continue;
            CHECK(frame->header.task == tasks++);
            CHECK(text_of(*frame) == body);
        }
    }
    CHECK(tasks == frames);
    CHECK(!node.root.is_sending());
}

TEST_CASE("a large body in memory of the node is read where it lies, others are left to MPI", "[node_stream]") {
    Node node;
    const std::string large(mebibyte, 'l'), elsewhere(mebibyte, 'e');
    Encoder encoder{ByteBuffer(node.calls.get())};
    encoder.write_bytes(large.data(), large.size());
    const ByteBuffer call = std::move(encoder).take();
    REQUIRE(call.is_stored());
    Outgoing out;
    out.add(FrameType::task, 1, 0, call);
    out.add(FrameType::memory, 0, 0, bytes_of(elsewhere));
    out.add(FrameType::task, 2, 0, call);
    node.root.send(out);
    REQUIRE(out.bulks.size() == 1);
    CHECK(static_cast<const void*>(out.bulks.front().bytes.data()) == elsewhere.data());

    REQUIRE(node.rank.receive(node.at_rank));
    auto frame = Node::next(node.rank, node.at_rank);
    REQUIRE(frame);
    CHECK(text_of(*frame) == large);
    CHECK(node.seen_calls->region().data() <= frame->body.data());
    CHECK(!Node::next(node.rank, node.at_rank));  // is to come by MPI
    frame = node.at_rank.next([&](ByteBuffer& body, std::size_t length) {
        std::memcpy(body.extend(length), elsewhere.data(), length);
        return true;
    });
    REQUIRE(frame);
    CHECK(text_of(*frame) == elsewhere);
    frame = Node::next(node.rank, node.at_rank);
    REQUIRE(frame);
    CHECK(text_of(*frame) == large);
}

TEST_CASE("the memory of a result is free again when the root has read it", "[node_stream]") {
    Node node;
    const void* first = nullptr;
    for (int round = 0; round < 200; ++round) {  // more than can be under way at a time
        Encoder encoder{ByteBuffer(node.results.get())};
        const std::string large(mebibyte, static_cast<char>('a' + round % 26));
        encoder.write_bytes(large.data(), large.size());
        ByteBuffer result = std::move(encoder).take();
        REQUIRE(result.is_stored());
        if (!first) first = result.data();
        CHECK(result.data() == first);
        Outgoing out;
        const std::span bytes = result.bytes();
        out.add(FrameType::result, 1, 0, bytes, 0, std::move(result));
        node.rank.send(out);
        CHECK(out.bulks.empty());
        REQUIRE(node.root.receive(node.at_root));
        const auto frame = Node::next(node.root, node.at_root);
        REQUIRE(frame);
        CHECK(text_of(*frame) == large);
    }
}

}  // namespace
