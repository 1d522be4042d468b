// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/processes/manager_threads.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <concurrent/futures/detail/platform/forked_process.hpp>
#include <thread>
#include <vector>

#include "support/processes.hpp"

namespace {

using namespace concurrent::futures::detail;

TEST_CASE("manager threads of all pools are counted together", "[manager_threads]") {
    const std::size_t before = ManagerThreads::number();
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([] {
            for (int round = 0; round < 10'000; ++round) {
                ManagerThreads::count(1);
                ManagerThreads::count(1);
                ManagerThreads::count(-1);
            }
        });
    for (std::thread& thread : threads) thread.join();
    CHECK(ManagerThreads::number() == before + 40'000);
    for (int i = 0; i < 40'000; ++i) ManagerThreads::count(-1);
    CHECK(ManagerThreads::number() == before);
}

TEST_CASE("a forked child has none of its parent's manager threads, and counts its own", "[manager_threads]") {
    const std::size_t before = ManagerThreads::number();
    ManagerThreads::count(3);
    const pid_t pid = ::fork();
    if (pid == 0) {
        const std::size_t inherited = ManagerThreads::number();
        ManagerThreads::count(1);
        ::_exit(inherited == 0 && ManagerThreads::number() == 1 ? 0 : 1);
    }
    REQUIRE(pid > 0);
    int status = -1;
    CHECK(support::wait_for_end(pid, &status) == pid);
    CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
    CHECK(ManagerThreads::number() == before + 3);
    ManagerThreads::count(-3);
}

}  // namespace
