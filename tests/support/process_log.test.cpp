// SPDX-License-Identifier: MIT
#include "support/process_log.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <chrono>

#include "support/processes.hpp"

namespace {

TEST_CASE("lines of several processes arrive whole", "[support][process_log]") {
    support::ProcessLog log;
    constexpr int writers = 4, lines_each = 200;
    for (int writer = 0; writer < writers; ++writer) {
        const pid_t pid = ::fork();
        REQUIRE(pid >= 0);
        if (pid == 0) {
            const std::string line(100, static_cast<char>('a' + writer));
            for (int i = 0; i < lines_each; ++i) support::append_line(log.path(), line);
            ::_exit(0);
        }
    }
    log.wait_for(writers * lines_each);
    for (int writer = 0; writer < writers; ++writer) REQUIRE(::wait(nullptr) > 0);

    const auto lines = log.lines();
    CHECK(lines.size() == writers * lines_each);
    for (int writer = 0; writer < writers; ++writer)
        CHECK(std::count(lines.begin(), lines.end(),
                         std::string(100, static_cast<char>('a' + writer))) == lines_each);
}

TEST_CASE("a counter counts what a killed process did before", "[support][process_log]") {
    support::ProcessCounter counter;
    CHECK(counter.value() == 0);
    const pid_t pid = ::fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        support::count_event(counter.path());
        for (;;) ::pause();
    }
    counter.wait_for(1);
    REQUIRE(::kill(pid, SIGKILL) == 0);
    REQUIRE(support::wait_for_end(pid, nullptr) == pid);
    CHECK(counter.value() == 1);
}

TEST_CASE("a temporary directory is gone with its object", "[support][process_log]") {
    std::string path;
    {
        support::ProcessLog log;
        path = log.path();
        CHECK(::access(path.c_str(), F_OK) == 0);
    }
    CHECK(::access(path.c_str(), F_OK) != 0);
}

}  // namespace
