// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/fork_generation.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <mutex>

#include "support/processes.hpp"

namespace {

using concurrent::futures::detail::fork_generation;

TEST_CASE("a forked child is of another generation, the parent stays of its own",
          "[fork_generation]") {
    const unsigned here = fork_generation();
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) ::_exit(fork_generation() != here ? 7 : 1);
    int status = 0;
    REQUIRE(support::wait_for_end(child, &status) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 7);
    CHECK(fork_generation() == here);
}

TEST_CASE("an object knows in which process it was made", "[fork_generation]") {
    const concurrent::futures::detail::ForkMark here;
    CHECK_FALSE(here.in_forked_child());
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        const concurrent::futures::detail::ForkMark there;
        ::_exit(here.in_forked_child() && !there.in_forked_child() ? 7 : 1);
    }
    int status = 0;
    REQUIRE(support::wait_for_end(child, &status) == child);
    CHECK(WEXITSTATUS(status) == 7);
    CHECK_FALSE(here.in_forked_child());
}

TEST_CASE("what a module shares is made anew in a forked child, with its lock", "[fork_generation]") {
    struct Shared {
        std::mutex mutex;
        int number = 0;
    };
    static constinit concurrent::futures::detail::ModuleWide<Shared> shared;
    shared.get().number = 5;
    CHECK(&shared.get() == &shared.get());
    shared.get().mutex.lock();
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) ::_exit(shared.get().mutex.try_lock() && shared.get().number == 0 ? 7 : 1);
    int status = 0;
    REQUIRE(support::wait_for_end(child, &status) == child);
    CHECK(WEXITSTATUS(status) == 7);
    shared.get().mutex.unlock();
    CHECK(shared.get().number == 5);
}

}  // namespace
