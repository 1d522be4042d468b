// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/wire/pool_descriptors.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <mutex>
#include <utility>

#include "support/forked.hpp"
#include "support/processes.hpp"

namespace {

using namespace concurrent::futures::detail;

bool is_listed(int fd) {
    PoolDescriptors& all = PoolDescriptors::instance();
    const std::lock_guard lock(all.mutex);
    return std::find(all.open.begin(), all.open.end(), fd) != all.open.end();
}

PoolDescriptor make_listed(FileDescriptor fd) {
    const std::lock_guard lock(PoolDescriptors::instance().mutex);
    return PoolDescriptor(std::move(fd));
}

TEST_CASE("a descriptor is listed for as long as it is open", "[pool_descriptors]") {
    Pipe pipe = make_pipe();
    const int number = pipe.read_end.get();
    {
        PoolDescriptor first = make_listed(std::move(pipe.read_end));
        CHECK(first.get() == number);
        CHECK(is_listed(number));
        PoolDescriptor second = std::move(first);
        CHECK(is_listed(number));
        CHECK(!first);
        first = std::move(second);
        CHECK(is_listed(number));
        first.reset();
        CHECK(!is_listed(number));
        CHECK(!first);
        first.reset();
    }
    CHECK(::fcntl(number, F_GETFD) < 0);
}

TEST_CASE("a descriptor that is taken out is listed no more, and stays open", "[pool_descriptors]") {
    Pipe pipe = make_pipe();
    const int number = pipe.read_end.get();
    const FileDescriptor taken = make_listed(std::move(pipe.read_end)).take();
    CHECK(taken.get() == number);
    CHECK(!is_listed(number));
    CHECK(::fcntl(number, F_GETFD) >= 0);
}

TEST_CASE("what a fork has closed is not closed there again, when another file has the number", "[pool_descriptors]") {
    Pipe first = make_pipe(), second = make_pipe(), third = make_pipe();
    PoolDescriptor reset = make_listed(std::move(first.read_end)), taken = make_listed(std::move(second.read_end));
    const int numbers[2] = {reset.get(), taken.get()};
    const PoolDescriptors& of_parent = PoolDescriptors::instance();
    const support::ForkedEnd end = support::run_forked([&] {
        of_parent.close_all_in_fork();
        for (const int number : numbers)
            if (::dup2(third.read_end.get(), number) != number) return 1;
        if (!reset.is_closed_by_fork() || !taken.is_closed_by_fork()) return 2;
        reset.reset();
        { const FileDescriptor none = std::move(taken).take(); }
        for (const int number : numbers)
            if (::fcntl(number, F_GETFD) < 0) return 3;
        return 0;
    });
    CHECK(end.exit_code() == 0);
    CHECK(end.errors.empty());
}

TEST_CASE("a fork closes all that is listed, once", "[pool_descriptors]") {
    Pipe pipe = make_pipe();
    const PoolDescriptor listed = make_listed(std::move(pipe.read_end));
    CHECK_FALSE(listed.is_closed_by_fork());
    const PoolDescriptors& of_parent = PoolDescriptors::instance();
    const support::ForkedEnd end = support::run_forked([&] {
        of_parent.close_all_in_fork();
        return listed.is_closed_by_fork() && ::fcntl(listed.get(), F_GETFD) < 0 ? 0 : 1;
    });
    CHECK(end.exit_code() == 0);
}

TEST_CASE("a fork has a list of its own, even if it was made while the old one was locked",
          "[pool_descriptors]") {
    PoolDescriptors& here = PoolDescriptors::instance();
    CHECK(&here == &PoolDescriptors::instance());
    pid_t child = -1;
    {
        const std::lock_guard lock(here.mutex);
        child = ::fork();
        if (child == 0) {
            PoolDescriptors& there = PoolDescriptors::instance();
            const bool is_new = &there != &here && there.mutex.try_lock() && there.open.empty();
            ::_exit(is_new && &there == &PoolDescriptors::instance() ? 7 : 1);
        }
    }
    int status = 0;
    REQUIRE(support::wait_for_end(child, &status) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 7);
    CHECK(&here == &PoolDescriptors::instance());
}

}  // namespace
