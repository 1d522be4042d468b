// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/assert.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <csignal>
#include <string>

#include "support/processes.hpp"

namespace {

struct End {
    int status = 0;
    std::string errors;
};

/// Of a child process that runs this.
template <class Body>
End end_of_child(Body body) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        ::signal(SIGABRT, SIG_DFL);  // the test framework catches it
        ::dup2(ends[1], 2);
        body();
        ::_exit(7);
    }
    ::close(ends[1]);
    End end;
    std::array<char, 256> some{};
    for (ssize_t got = 0; (got = ::read(ends[0], some.data(), some.size())) > 0 || (got < 0 && errno == EINTR);)
        if (got > 0) end.errors.append(some.data(), static_cast<std::size_t>(got));
    ::close(ends[0]);
    REQUIRE(support::wait_for_end(child, &end.status) == child);
    return end;
}

TEST_CASE("an assertion evaluates its condition once with assertions, and never without", "[assert]") {
    int evaluations = 0;
    const auto holds = [&] { return ++evaluations > 0; };
    CONCURRENT_FUTURES_ASSERT(holds());
    CHECK(evaluations == (CONCURRENT_FUTURES_ASSERTIONS ? 1 : 0));
}

TEST_CASE("a false assertion ends the program and names condition and place; without assertions it is nothing", "[assert]") {
    const End end = end_of_child([] { CONCURRENT_FUTURES_ASSERT(1 + 1 == 3); });
    INFO(end.errors);
    if (CONCURRENT_FUTURES_ASSERTIONS) {
        CHECK((WIFSIGNALED(end.status) && WTERMSIG(end.status) == SIGABRT));
        CHECK(end.errors.find("assert.test.cpp:") != std::string::npos);
        CHECK(end.errors.find("assertion failed: 1 + 1 == 3") != std::string::npos);
    } else {
        CHECK((WIFEXITED(end.status) && WEXITSTATUS(end.status) == 7));
        CHECK(end.errors.empty());
    }
}

}  // namespace
