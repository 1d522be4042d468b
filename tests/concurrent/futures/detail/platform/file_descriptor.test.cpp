// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/file_descriptor.hpp>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <string>
#include <sys/resource.h>
#include <system_error>
#include <utility>

namespace {

using namespace concurrent::futures::detail;

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }
bool is_closed_on_exec(int fd) { return (::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0; }

IoResult write_byte(const FileDescriptor& fd) {
    std::byte byte{7};
    const std::array<iovec, 1> parts{iovec{&byte, 1}};
    return write_some(fd.get(), parts);
}

TEST_CASE("a descriptor is closed by its last owner", "[file_descriptor]") {
    int number = -1;
    {
        FileDescriptor first(::dup(0));
        number = first.get();
        REQUIRE(is_open(number));
        FileDescriptor second = std::move(first);
        CHECK(!first);
        CHECK(first.get() == -1);
        CHECK(second.get() == number);
        first = std::move(second);
        CHECK(is_open(number));
    }
    CHECK(!is_open(number));
    FileDescriptor third(::dup(0));
    number = third.release();
    CHECK(!third);
    CHECK(is_open(number));
    ::close(number);
}

/// The text of the std::system_error that `action` throws while no descriptor is to be had.
template <class Action>
std::string refused_without_descriptors(Action action) {
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    const rlimit none{0, before.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
    std::string text;
    try {
        action();
    } catch (const std::system_error& error) {
        text = error.what();
    }
    ::setrlimit(RLIMIT_NOFILE, &before);
    return text;
}

TEST_CASE("an error for want of descriptors says what they were for, and what to raise", "[file_descriptor]") {
    const std::string wake_up = refused_without_descriptors([] { const WakeUp none; });
    CHECK(wake_up.find("raise RLIMIT_NOFILE (ulimit -n)") != std::string::npos);
    CHECK(refused_without_descriptors([] { static_cast<void>(make_pipe()); }).find("raise RLIMIT_NOFILE") !=
          std::string::npos);
#if CONCURRENT_FUTURES_LINUX
    CHECK(wake_up.find("a pool gets no descriptor by which its manager thread is woken (eventfd)") == 0);
#endif
}

TEST_CASE("an error for want of processes says what to raise, any other error says only what it is",
          "[file_descriptor]") {
    const auto text_of = [](int number) -> std::string {
        try {
            throw_no_child("fork", number);
        } catch (const std::system_error& error) {
            CHECK(error.code().value() == number);
            return error.what();
        }
    };
    CHECK(text_of(EAGAIN).find("raise RLIMIT_NPROC") != std::string::npos);
    CHECK(text_of(ENOMEM).find("RLIMIT_AS") != std::string::npos);
    CHECK(text_of(EPERM).find(';') == std::string::npos);
}

TEST_CASE("both ends of a pipe are closed on exec", "[file_descriptor]") {
    const Pipe pipe = make_pipe();
    CHECK(is_closed_on_exec(pipe.read_end.get()));
    CHECK(is_closed_on_exec(pipe.write_end.get()));
}

TEST_CASE("moved_up() gives the same file under a number that is not among the first ten",
          "[file_descriptor]") {
    Pipe pipe = make_pipe();
    const int old = pipe.write_end.get();
    const FileDescriptor moved = moved_up(std::move(pipe.write_end));
    CHECK(moved.get() >= 10);
    CHECK(is_closed_on_exec(moved.get()));
    if (old != moved.get()) CHECK(!is_open(old));
    CHECK(write_byte(moved).kind == IoResult::Kind::moved);
    std::byte byte{};
    CHECK(read_some(pipe.read_end.get(), &byte, 1).size == 1);
    CHECK(byte == std::byte{7});
}

TEST_CASE("reading and writing say what became of it", "[file_descriptor]") {
    Pipe pipe = make_pipe();
    set_nonblocking(pipe.read_end);
    set_nonblocking(pipe.write_end);
    std::array<std::byte, 100> bytes{};
    CHECK(read_some(pipe.read_end.get(), bytes.data(), bytes.size()).kind ==
          IoResult::Kind::would_block);
    while (write_byte(pipe.write_end).kind == IoResult::Kind::moved) {
    }
    CHECK(write_byte(pipe.write_end).kind == IoResult::Kind::would_block);
    while (read_some(pipe.read_end.get(), bytes.data(), bytes.size()).kind ==
           IoResult::Kind::moved) {
    }
    pipe.write_end.reset();
    CHECK(read_some(pipe.read_end.get(), bytes.data(), bytes.size()).kind ==
          IoResult::Kind::closed);
    const IoResult failed = read_some(-1, bytes.data(), bytes.size());
    CHECK(failed.kind == IoResult::Kind::failed);
    CHECK(failed.error == EBADF);
}

TEST_CASE("writing to a pipe that nobody reads is its end", "[file_descriptor]") {
    const auto before = std::signal(SIGPIPE, SIG_IGN);
    Pipe pipe = make_pipe();
    pipe.read_end.reset();
    CHECK(write_byte(pipe.write_end).kind == IoResult::Kind::closed);
    std::signal(SIGPIPE, before);
}

TEST_CASE("any number of wake-ups count as one and never block", "[file_descriptor]") {
    const WakeUp wake_up;
    const auto is_awake = [&] {
        std::array<pollfd, 1> entry{pollfd{wake_up.fd(), POLLIN, 0}};
        return poll_for(entry, 0);
    };
    CHECK(!is_awake());
    for (int i = 0; i < 100'000; ++i) wake_up.notify();
    CHECK(is_awake());
    wake_up.clear();
    CHECK(!is_awake());
    wake_up.clear();  // nothing there: returns at once
    wake_up.notify();
    CHECK(is_awake());
}

TEST_CASE("to write nothing is not the end of a pipe", "[file_descriptor]") {
    const Pipe pipe = make_pipe();
    std::byte byte{};
    const std::array<iovec, 1> nothing{iovec{&byte, 0}};
    CHECK(write_some(pipe.write_end.get(), nothing).kind == IoResult::Kind::would_block);
}

}  // namespace
