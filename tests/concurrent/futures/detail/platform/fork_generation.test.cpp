// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/fork_generation.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>

namespace {

using concurrent::futures::detail::fork_generation;

TEST_CASE("a forked child is of another generation, the parent stays of its own",
          "[fork_generation]") {
    const unsigned here = fork_generation();
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) ::_exit(fork_generation() != here ? 7 : 1);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 7);
    CHECK(fork_generation() == here);
}

}  // namespace
