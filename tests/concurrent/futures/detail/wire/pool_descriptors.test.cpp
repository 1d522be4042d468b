// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/wire/pool_descriptors.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <mutex>
#include <utility>

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
