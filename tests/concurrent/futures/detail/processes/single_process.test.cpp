// SPDX-License-Identifier: MIT
//
// One child that runs one call and ends: both sides, single_process.hpp and single_call.hpp. What users see of it is in
// process.test.cpp.
#include <concurrent/futures/detail/processes/single_process.hpp>

#include <signal.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <concurrent/futures/detail/wire/remote_call.hpp>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "support/gate.hpp"

namespace {

using namespace concurrent::futures::detail;

void nothing() {}
void fail() { throw std::runtime_error("expected: the call failed"); }
void leave_with(int code) { std::exit(code); }
void wait_at(std::string gate) { support::wait_at_gate(gate); }
void wait_for_stop(std::stop_token token) {
    while (!token.stop_requested()) std::this_thread::yield();
}

template <class Function, class... Args>
struct Child {
    explicit Child(Function function, const Args&... args)
        : process({.spawn = true, .name = "a name"}, encode_call(function, args...), descriptors, 1) {}
    /// How it ended.
    ExitStatus end() {
        CHECK(process.join(Deadline::never()));
        return process.status().value();
    }

    DescriptorsOut descriptors;
    SingleProcess process;
};

TEST_CASE("a child ends with exit code 0 when its call returns, and with 1 when it throws", "[single_process]") {
    Child returns(nothing);
    CHECK(returns.process.pid() > 0);
    CHECK(returns.process.name() == "a name");
    const ExitStatus good = returns.end();
    CHECK((good.exit_code == 0 && !good.signal));
    const ExitStatus bad = Child(fail).end();
    CHECK((bad.exit_code == 1 && !bad.signal));
    const ExitStatus own = Child(leave_with, 7).end();
    CHECK((own.exit_code == 7 && !own.signal));
}

TEST_CASE("while its call runs a child has no status and no obituary", "[single_process]") {
    support::ProcessGate gate;
    Child child(wait_at, gate.path());
    CHECK(!child.process.join(Deadline::after(std::chrono::seconds(0))));
    CHECK(!child.process.status());
    CHECK(child.process.obituary().empty());
    gate.open();
    CHECK(child.end().exit_code == 0);
}

TEST_CASE("a child is asked to stop by its stop token", "[single_process]") {
    Child child(wait_for_stop);
    CHECK(!child.process.status());
    child.process.request_stop();
    CHECK(child.end().exit_code == 0);
}

TEST_CASE("a child that is killed says so, and no signal follows its end", "[single_process]") {
    support::ProcessGate gate;
    Child child(wait_at, gate.path());
    const int pid = child.process.pid();
    child.process.send_signal(SIGKILL);
    const ExitStatus status = child.end();
    CHECK((status.signal == SIGKILL && !status.exit_code));
    CHECK(child.process.obituary().find(std::to_string(pid)) != std::string::npos);
    child.process.send_signal(SIGKILL);  // its pid may be another process's by now
    CHECK(child.end().signal == SIGKILL);
}

}  // namespace
