// SPDX-License-Identifier: MIT
//
// The channel of MPI pools on one rank, which sends to itself.
#include <concurrent/futures/mpi_pool_executor.hpp>

#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace {

using namespace concurrent::futures::detail;

std::vector<std::byte> some_bytes(std::size_t size) {
    std::vector<std::byte> bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 % 251);
    return bytes;
}

TEST_CASE("a body is sent in pieces of the largest size that is allowed, and arrives whole") {
    PrivateComm comm(MPI_COMM_SELF);
    {
        constexpr std::size_t piece = 10'000;
        MpiChannel channel(comm.get(), piece);
        for (const std::size_t size :
             {std::size_t{10}, bulk_from, 4 * piece - 1, 4 * piece, 4 * piece + 1, 25 * piece + 17}) {
            CAPTURE(size);
            const std::vector<std::byte> bytes = some_bytes(size);
            Outgoing out;
            out.add(FrameType::task, 1, 0, std::as_bytes(std::span("before")));
            out.add(FrameType::task, 2, 0, bytes);
            out.add(FrameType::task, 3, 0, std::as_bytes(std::span("after")));
            channel.send(0, out);
            std::vector<ReceivedFrame> frames;
            while (frames.size() < 3) {
                int peer = 0;
                channel.poll(0, peer);
                while (std::optional<ReceivedFrame> frame = channel.next(0)) frames.push_back(std::move(*frame));
            }
            REQUIRE(frames.size() == 3);
            CHECK(frames[0].header.task == 1);
            CHECK(std::vector(frames[1].body.begin(), frames[1].body.end()) == bytes);
            CHECK(frames[2].header.task == 3);
        }
        channel.finish_sends();
    }
    comm.free();
}

}  // namespace
