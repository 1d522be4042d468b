// SPDX-License-Identifier: MIT
#include "support/leak_listener.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <csignal>
#include <thread>

#include "support/deadline.hpp"
#include "support/gate.hpp"
#include "support/processes.hpp"
#include "support/watchdog.hpp"

namespace {

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;
using support::leaks_since;
using support::ProcessResources;

TEST_CASE("what was put back is no leak", "[support][leak_listener]") {
    const auto before = ProcessResources::now();
    std::thread([] {}).join();
    ::close(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    REQUIRE(support::wait_for_end(child, nullptr) == child);
    CHECK(leaks_since(before, support::deadline(support::settle_time)).empty());
}

TEST_CASE("the first thread of a run brings no other that stays", "[support][leak_listener]") {
    // ThreadSanitizer's own would, had the listener not made it start before this test.
    const auto before = ProcessResources::now();
    std::thread([] {}).join();
    CHECK(leaks_since(before, support::deadline(support::settle_time)) ==
          std::vector<std::string>{});
}

TEST_CASE("a new thread is a leak, be its number above the others' or, once numbers start again, "
          "below",
          "[support][leak_listener]") {
    const ProcessResources before{{{31000, "main"}}, {}, {}, {}};
    const ProcessResources above{{{31000, "main"}, {31001, "new"}}, {}, {}, {}};
    const ProcessResources below{{{300, "new"}, {31000, "main"}}, {}, {}, {}};
    CHECK(support::differences(before, above) == std::vector<std::string>{"thread 31001: new"});
    CHECK(support::differences(before, below) == std::vector<std::string>{"thread 300: new"});
}

TEST_CASE("a running thread is a leak", "[support][leak_listener]") {
    support::Gate end;
    const auto before = ProcessResources::now();
    std::thread thread([&] { end.wait(); });
    const auto leaks = leaks_since(before, 10ms);
    end.open();
    thread.join();
    REQUIRE(leaks.size() == 1);
    CHECK_THAT(leaks[0], StartsWith("thread "));
}

TEST_CASE("an open descriptor is a leak, and so is one that now means something else",
          "[support][leak_listener]") {
    const int kept = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    const auto before = ProcessResources::now();
    const int opened = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    auto leaks = leaks_since(before, 10ms);
    CHECK(leaks.size() == 1);
    CHECK_THAT(leaks.at(0), ContainsSubstring("/dev/null"));
    ::close(opened);

    const int other = ::open("/dev/zero", O_RDONLY | O_CLOEXEC);
    REQUIRE(::dup3(other, kept, O_CLOEXEC) == kept);
    ::close(other);
    leaks = leaks_since(before, 10ms);
    CHECK(leaks.size() == 1);
    CHECK_THAT(leaks.at(0), ContainsSubstring("/dev/zero, was /dev/null"));
    ::close(kept);
}

TEST_CASE("a child is a leak while it runs and until it was waited for",
          "[support][leak_listener]") {
    support::ProcessGate end;
    const auto before = ProcessResources::now();
    const pid_t child = ::fork();
    if (child == 0) {
        support::wait_at_gate(end.path());
        ::_exit(0);
    }
    CHECK(leaks_since(before, 10ms).size() == 1);
    end.open();
    siginfo_t info{};
    REQUIRE(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) == 0);
    const auto leaks = leaks_since(before, 10ms);
    REQUIRE(support::wait_for_end(child, nullptr) == child);
    const std::string found = leaks.empty() ? "" : leaks[0] + (leaks.size() > 1 ? leaks[1] : "");
    CHECK_THAT(found, ContainsSubstring("state Z"));
}

TEST_CASE("a grandchild whose parent has ended is a leak", "[support][leak_listener]") {
    if (!support::supervised()) SKIP("only the watchdog adopts orphans");
    support::ProcessGate end;
    support::ProcessCounter started;
    const auto before = ProcessResources::now();
    const pid_t child = ::fork();
    if (child == 0) {
        if (::fork() == 0) {
            support::count_event(started.path());
            support::wait_at_gate(end.path());
        }
        ::_exit(0);
    }
    REQUIRE(support::wait_for_end(child, nullptr) == child);
    started.wait_for(1);
    CHECK(leaks_since(before, 10ms).size() == 1);
    end.open();
    // The watchdog waits for it, so that not even a zombie stays.
    const auto leaks = leaks_since(before, support::deadline(support::settle_time));
    CHECK(leaks == std::vector<std::string>{});
}

TEST_CASE("a changed signal disposition or mask is a leak", "[support][leak_listener]") {
    auto before = ProcessResources::now();
    const auto old = std::signal(SIGPIPE, SIG_IGN);
    auto leaks = leaks_since(before, 10ms);
    std::signal(SIGPIPE, old);
    REQUIRE(leaks.size() == 1);
    CHECK(leaks[0] == "disposition of SIGPIPE: ignored, was default");

    sigset_t mask, old_mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    ::pthread_sigmask(SIG_BLOCK, &mask, &old_mask);
    leaks = leaks_since(before, 10ms);
    ::pthread_sigmask(SIG_SETMASK, &old_mask, nullptr);
    CHECK(leaks.size() == 1);
}

}  // namespace
