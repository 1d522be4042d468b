// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/descriptor_socket.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <span>
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

TEST_CASE("several descriptors arrive with one message, in their order", "[descriptor_socket]") {
    const auto [ours, theirs] = make_descriptor_sockets();
    const std::array<Pipe, 3> pipes{make_pipe(), make_pipe(), make_pipe()};
    std::array<int, most_descriptors> sent;
    for (std::size_t i = 0; i < sent.size(); ++i)
        sent[i] = i % 2 == 0 ? pipes[i / 2].read_end.get() : pipes[i / 2].write_end.get();
    const std::uint64_t number = 7;
    std::uint64_t received = 0;
    const auto same_file = [](int one, int other) {
        struct stat first{}, second{};
        return ::fstat(one, &first) == 0 && ::fstat(other, &second) == 0 && first.st_ino == second.st_ino;
    };
    for (const std::size_t room : {most_descriptors, most_descriptors - 1}) {
        REQUIRE(send_descriptors(ours.get(), &number, sizeof number, sent, false).kind == Kind::moved);
        std::array<FileDescriptor, most_descriptors> came;
        const auto places = std::span(came).first(room);
        REQUIRE(receive_descriptors(theirs.get(), &received, sizeof received, places, true).kind == Kind::moved);
        CHECK(received == 7);
        for (std::size_t i = 0; i < room; ++i) {
            CHECK(same_file(came[i].get(), sent[i]));
            CHECK(came[i].get() >= 10);
        }
        CHECK(std::none_of(came.begin() + static_cast<std::ptrdiff_t>(room), came.end(),
                           [](const FileDescriptor& each) { return static_cast<bool>(each); }));
    }
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

TEST_CASE("a process is gone when nobody has the other end of its socket", "[descriptor_socket]") {
    auto [ours, theirs] = make_descriptor_sockets();
    CHECK_FALSE(is_gone(::getpid(), ours.get()));
    theirs.reset();
    CHECK(is_gone(::getpid(), ours.get()));
}

}  // namespace
