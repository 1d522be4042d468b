// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/broken_pipe.hpp>

#include <signal.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <concurrent/futures/detail/platform/file_descriptor.hpp>

namespace {

using namespace concurrent::futures::detail;

bool is_waiting() {
    sigset_t waiting;
    ::sigemptyset(&waiting);
    ::sigpending(&waiting);
    return ::sigismember(&waiting, SIGPIPE) == 1;
}
bool is_blocked() {
    sigset_t mask;
    ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
    return ::sigismember(&mask, SIGPIPE) == 1;
}
IoResult::Kind write_to_nobody() {
    Pipe pipe = make_pipe();
    pipe.read_end.reset();
    std::array<std::byte, 1> byte{};
    const iovec part{byte.data(), byte.size()};
    return write_some(pipe.write_end.get(), {&part, 1}).kind;
}

TEST_CASE("a write to a pipe that nobody reads ends nothing and leaves nothing behind", "[broken_pipe]") {
    // The default disposition would end this program.
    REQUIRE_FALSE(is_blocked());
    for (int round = 0; round < 3; ++round) {
        {
            const QuietPipes quiet;
            CHECK(write_to_nobody() == IoResult::Kind::closed);
            CHECK(write_to_nobody() == IoResult::Kind::closed);
        }
        CHECK_FALSE(is_waiting());
        CHECK_FALSE(is_blocked());
    }
}

TEST_CASE("a SIGPIPE of the program's own, which it has blocked, is left to it", "[broken_pipe]") {
    sigset_t pipe;
    ::sigemptyset(&pipe);
    ::sigaddset(&pipe, SIGPIPE);
    sigset_t before;
    ::pthread_sigmask(SIG_BLOCK, &pipe, &before);
    CHECK(write_to_nobody() == IoResult::Kind::closed);
    CHECK(is_waiting());
    {
        const QuietPipes quiet;
        CHECK(write_to_nobody() == IoResult::Kind::closed);
    }
    CHECK(is_waiting());
    CHECK(is_blocked());
    int taken = 0;
    ::sigwait(&pipe, &taken);
    CHECK(taken == SIGPIPE);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace
