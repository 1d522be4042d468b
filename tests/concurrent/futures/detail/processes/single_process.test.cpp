// SPDX-License-Identifier: MIT
//
// One child that runs one call and ends: both sides, single_process.hpp and single_call.hpp. What users see of it is in
// process.test.cpp.
#include <concurrent/futures/detail/processes/single_process.hpp>

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#if CONCURRENT_FUTURES_LINUX
#include <linux/capability.h>
#include <sys/syscall.h>
#endif

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <concurrent/futures/detail/wire/remote_call.hpp>
#include <csignal>
#include <cstdint>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "support/deadline.hpp"
#include "support/file_size_limit.hpp"
#include "support/forked.hpp"
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

void take(std::string) {}

TEST_CASE("arguments that shared memory has no room for are an error, and no child starts", "[single_process]") {
    struct NoSignal {
        void (*before)(int) = std::signal(SIGXFSZ, SIG_IGN);
        ~NoSignal() { std::signal(SIGXFSZ, before); }
    };
    const NoSignal no_signal;
    const std::string large(4 * 1024 * 1024, 'x');
    const support::FileSizeLimit limit(sizeof(SingleCallPage) + 1024 * 1024);
    DescriptorsOut descriptors;
    CHECK_THROWS_AS(SingleProcess({.spawn = true}, encode_call(take, large), descriptors, 1), std::system_error);
}

TEST_CASE("who sends descriptors to a child does not wait for one that ends before it takes them", "[single_process]") {
    DescriptorsOut descriptors;
    for (int more = 0; more < 100'000; ++more) descriptors.add(STDERR_FILENO);  // more than a socket takes
    // It says so, expected, and ends.
    SingleProcess process({.spawn = true, .max_memory_bytes = 4096}, encode_call(nothing), descriptors, 1);
    CHECK(process.join(Deadline::never()));
    CHECK(process.status().value().exit_code == 1);
}

TEST_CASE("where no process may be started by fork() that is an error", "[single_process]") {
    constexpr int cannot_tell = 77;
    const support::ForkedEnd end = support::run_forked([] {
        if (::geteuid() == 0 && ::setuid(65'534) != 0) return cannot_tell;  // no limit holds for root
        const rlimit none{0, 0};
        if (::setrlimit(RLIMIT_NPROC, &none) != 0) return cannot_tell;
        const pid_t child = ::fork();
        if (child == 0) ::_exit(0);
        if (child > 0) return cannot_tell;
        DescriptorsOut descriptors;
        try {
            // Never destroyed: it has no process that it could wait for.
            const auto* const process = new SingleProcess({.spawn = false}, encode_call(nothing), descriptors, 1);
            return process ? 1 : 2;
        } catch (const std::system_error& error) {
            return std::string(error.what()).find("(fork)") != std::string::npos ? 0 : 3;
        }
    });
    if (end.exit_code() == cannot_tell) SKIP("here the number of processes cannot be limited");
    CHECK(end.exit_code() == 0);
}

#if CONCURRENT_FUTURES_LINUX
TEST_CASE("a child is spawned also where its program would have more rights than this process", "[single_process]") {
    if (support::thread_sanitized) SKIP("ThreadSanitizer cannot follow a fork that starts threads");
    constexpr int cannot_tell = 77;
    const support::ForkedEnd end = support::run_forked([] {
        if (::geteuid() != 0) return cannot_tell;
        // One capability less, which a program that root executes would get back.
        __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
        std::array<__user_cap_data_struct, 2> rights{};
        if (::syscall(SYS_capget, &header, rights.data()) != 0) return cannot_tell;
        const std::uint32_t dropped = rights[0].permitted & (~rights[0].permitted + 1);
        rights[0].permitted &= ~dropped;
        rights[0].effective &= ~dropped;
        rights[0].inheritable &= ~dropped;
        if (::syscall(SYS_capset, &header, rights.data()) != 0) return cannot_tell;
        if (!file_adds_rights(executable_path())) return cannot_tell;
        return Child(nothing).end().exit_code == 0 ? 0 : 1;
    });
    if (end.exit_code() == cannot_tell) SKIP("for this the test has to run as root");
    CHECK(end.exit_code() == 0);
}
#endif

}  // namespace
