// SPDX-License-Identifier: MIT
#include "support/gate.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/processes.hpp"

namespace {

using namespace std::chrono_literals;

/// Runs `work` in a forked child, which ends with 0, or with 1 if `work` throws.
pid_t fork_child(const std::function<void()>& work) {
    const pid_t pid = ::fork();
    REQUIRE(pid >= 0);
    if (pid > 0) return pid;
    try {
        work();
        ::_exit(0);
    } catch (...) {
        ::_exit(1);
    }
}

int exit_code_of(pid_t pid) {
    int status = 0;
    REQUIRE(support::wait_for_end(pid, &status) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

bool has_ended(pid_t pid) {
    siginfo_t info{};
    REQUIRE(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0);
    return info.si_pid == pid;
}

TEST_CASE("a gate holds a thread until it opens", "[support][gate]") {
    support::Gate reached("reached"), gate("gate");
    bool passed = false;  // handed over by join
    std::thread waiting([&] {
        reached.open();
        gate.wait();
        passed = gate.is_open();
    });
    reached.wait();
    CHECK_FALSE(gate.is_open());
    gate.open();
    waiting.join();
    CHECK(passed);
}

TEST_CASE("an open gate lets everybody pass", "[support][gate]") {
    support::Gate gate;
    gate.open();
    gate.open();
    gate.wait(0ms);
    CHECK(gate.is_open());
}

TEST_CASE("a gate that stays shut fails its wait where no watchdog looks", "[support][gate]") {
    const pid_t child = fork_child([] {
        try {
            support::Gate("shut").wait(10ms);
        } catch (const std::runtime_error& error) {
            if (std::string(error.what()).find("'shut' was not opened") == std::string::npos) throw;
            ::_exit(7);
        }
    });
    CHECK(exit_code_of(child) == 7);
}

TEST_CASE("a process gate holds processes until it opens", "[support][gate]") {
    support::ProcessGate gate;
    support::ProcessCounter reached;
    std::vector<pid_t> children;
    for (int i = 0; i < 5; ++i)
        children.push_back(fork_child([&] {
            support::count_event(reached.path());
            support::wait_at_gate(gate.path());
        }));
    reached.wait_for(children.size());
    for (const pid_t child : children) CHECK_FALSE(has_ended(child));
    gate.open();
    for (const pid_t child : children) CHECK(exit_code_of(child) == 0);
}

TEST_CASE("a process gate that never opens fails the wait", "[support][gate]") {
    support::ProcessGate gate;
    const pid_t child = fork_child([&] { support::wait_at_gate(gate.path(), 10ms); });
    CHECK(exit_code_of(child) == 1);
}

TEST_CASE("a process gate lets everybody pass who comes late", "[support][gate]") {
    std::string path;
    {
        support::ProcessGate gate;
        path = gate.path();
        gate.open();
        gate.open();
        gate.wait(0ms + support::gate_deadline);
        support::wait_at_gate(path);
    }
    support::wait_at_gate(path);
}

TEST_CASE("a process gate can be opened by another process", "[support][gate]") {
    support::ProcessGate gate;
    const pid_t child = fork_child([&] { support::open_gate(gate.path()); });
    gate.wait();
    CHECK(exit_code_of(child) == 0);
    support::open_gate(gate.path());  // again, to no effect
}

TEST_CASE("a process gate that opens while processes arrive loses none", "[support][gate]") {
    for (int round = 0; round < 50; ++round) {
        std::vector<pid_t> children;
        {
            support::ProcessGate gate;
            for (int i = 0; i < 4; ++i)
                children.push_back(fork_child([&] { support::wait_at_gate(gate.path()); }));
            gate.open();
        }
        for (const pid_t child : children) CHECK(exit_code_of(child) == 0);
    }
}

TEST_CASE("a forked copy of a process gate does not open it when it is destroyed",
          "[support][gate]") {
    auto gate = std::make_unique<support::ProcessGate>();
    const pid_t child = fork_child([&] { gate.reset(); });
    CHECK(exit_code_of(child) == 0);
    CHECK(::access(gate->path().c_str(), F_OK) == 0);
}

}  // namespace
