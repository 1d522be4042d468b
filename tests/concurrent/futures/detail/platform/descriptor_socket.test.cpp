// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/descriptor_socket.hpp>

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <thread>

#include "concurrent/futures/shared_mappings.hpp"

namespace {

using namespace concurrent::futures::detail;
using Kind = IoResult::Kind;

TEST_CASE("a descriptor arrives with its message", "[descriptor_socket]") {
    const auto [ours, theirs] = make_descriptor_sockets();
    const Pipe pipe = make_pipe();
    std::uint64_t number = 7;
    CHECK(send_descriptor(ours.get(), &number, sizeof number, pipe.write_end.get(), false).kind == Kind::moved);
    number = 8;
    CHECK(send_descriptor(ours.get(), &number, sizeof number, -1, false).kind == Kind::moved);
    FileDescriptor fd;
    std::uint64_t received = 0;
    CHECK(receive_descriptor(theirs.get(), &received, sizeof received, fd, true).kind == Kind::moved);
    CHECK(received == 7);
    REQUIRE(fd);
    CHECK((::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(::write(fd.get(), "x", 1) == 1);
    char byte = 0;
    CHECK(::read(pipe.read_end.get(), &byte, 1) == 1);
    FileDescriptor none;
    CHECK(receive_descriptor(theirs.get(), &received, sizeof received, none, true).kind == Kind::moved);
    CHECK(received == 8);
    CHECK_FALSE(none);
    CHECK(receive_descriptor(theirs.get(), &received, sizeof received, none, false).kind == Kind::would_block);
}

TEST_CASE("a message of another size is an error", "[descriptor_socket]") {
    const auto [ours, theirs] = make_descriptor_sockets();
    std::uint64_t number = 7;
    std::uint32_t half = 0;
    FileDescriptor fd;
    send_descriptor(ours.get(), &number, sizeof number, -1, false);
    CHECK(receive_descriptor(theirs.get(), &half, sizeof half, fd, false).kind == Kind::failed);
    send_descriptor(ours.get(), &half, sizeof half, -1, false);
    CHECK(receive_descriptor(theirs.get(), &number, sizeof number, fd, false).kind == Kind::failed);
}

TEST_CASE("without room for a descriptor the message arrives without it", "[descriptor_socket]") {
    const auto [ours, theirs] = make_descriptor_sockets();
    const Pipe pipe = make_pipe();
    const std::uint64_t number = 7;
    send_descriptor(ours.get(), &number, sizeof number, pipe.write_end.get(), false);
    std::uint64_t received = 0;
    FileDescriptor fd;
    Kind kind = Kind::failed;
    {
        const support::NoDescriptors none;
        kind = receive_descriptor(theirs.get(), &received, sizeof received, fd, false).kind;
    }
    CHECK(kind == Kind::moved);
    CHECK(received == 7);
    CHECK_FALSE(fd);
}

TEST_CASE("who does not wait is told that there is no room, or nobody", "[descriptor_socket]") {
    auto [ours, theirs] = make_descriptor_sockets();
    const std::uint64_t number = 7;
    Kind kind = Kind::moved;
    for (int i = 0; i < 100'000 && kind == Kind::moved; ++i)
        kind = send_descriptor(ours.get(), &number, sizeof number, -1, false).kind;
    CHECK(kind == Kind::would_block);
    theirs.reset();
    CHECK(send_descriptor(ours.get(), &number, sizeof number, -1, false).kind == Kind::closed);
}

}  // namespace
