// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/child_process.hpp>
#include <sys/utsname.h>

#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "support/eventually.hpp"
#include "support/gate.hpp"
#include "support/processes.hpp"

namespace {

using namespace concurrent::futures::detail;

sigset_t no_signals() {
    sigset_t none;
    ::sigemptyset(&none);
    return none;
}
ProcessHandle run_shell(const std::string& script, std::span<const int> inherited = {},
                        const sigset_t& blocked = no_signals()) {
    return spawn("/bin/sh", {"sh", "-c", script}, {"WORD=hello", "PATH=/usr/bin:/bin"}, inherited, blocked);
}

/// Until the other end is closed.
std::string read_all(const FileDescriptor& fd) {
    std::string text;
    std::array<char, 1000> portion;
    for (ssize_t size; (size = ::read(fd.get(), portion.data(), portion.size())) > 0 || (size < 0 && errno == EINTR);)
        if (size > 0) text.append(portion.data(), static_cast<std::size_t>(size));
    return text;
}

TEST_CASE("how a process ended is known: its exit code or its signal", "[child_process]") {
    const ExitStatus left = run_shell("exit 3").reap();
    CHECK(left.exit_code == 3);
    CHECK(!left.signal);
    const ExitStatus killed = run_shell("kill -9 $$").reap();
    CHECK(killed.signal == SIGKILL);
    CHECK(!killed.exit_code);
    CHECK(run_shell("exit 0").reap().exit_code == 0);
}

TEST_CASE("a running process has no status; it can be signalled and watched", "[child_process]") {
    Pipe pipe = make_pipe();
    const FileDescriptor child_end = moved_up(std::move(pipe.read_end));
    const std::array<int, 1> inherited{child_end.get()};
    const ProcessHandle child = run_shell("read line <&3; exit 5", inherited);
    REQUIRE(child.pid() > 0);
    CHECK(!child.try_reap());
    const auto has_ended = [&](int milliseconds) {
        std::array<pollfd, 1> entry{pollfd{child.watch_fd(), POLLIN, 0}};
        return poll_for(entry, milliseconds);
    };
    if (child.watch_fd() >= 0) CHECK(!has_ended(0));
    child.send_signal(SIGTERM);
    if (child.watch_fd() >= 0) CHECK(has_ended(20'000));
    CHECK(child.reap().signal == SIGTERM);
    child.send_signal(SIGTERM);  // nobody is there: nothing happens
}

TEST_CASE("a process gets the descriptors it is given, its arguments and environment, no others",
          "[child_process]") {
    Pipe pipe = make_pipe();
    FileDescriptor child_end = moved_up(std::move(pipe.write_end));
    const FileDescriptor stray(::dup(0));  // not closed on exec
    const std::array<int, 1> inherited{child_end.get()};
    const ProcessHandle child = run_shell(
        "{ echo $WORD $0; for n in 0 1 2 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$n ] && printf $n; "
        "done; } >&3; exit 0",
        inherited);
    child_end.reset();
    CHECK(read_all(pipe.read_end) == "hello sh\n0123");
    CHECK(stray.get() > 2);
    CHECK(child.reap().exit_code == 0);
}

TEST_CASE("a process ignores what its parent ignores, has none of its handlers, and the mask it is given",
          "[child_process]") {
    const auto user1_before = ::signal(SIGUSR1, SIG_IGN);
    const auto user2_before = ::signal(SIGUSR2, [](int) {});
    sigset_t term;
    sigset_t mask_before;
    ::sigemptyset(&term);
    ::sigaddset(&term, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &term, &mask_before);
    CHECK(run_shell("kill -USR1 $$; exit 1").reap().exit_code == 1);
    CHECK(run_shell("kill -USR2 $$; exit 1").reap().signal == SIGUSR2);
    CHECK(run_shell("kill -TERM $$; exit 1").reap().signal == SIGTERM);
    CHECK(run_shell("kill -TERM $$; exit 1", {}, term).reap().exit_code == 1);
    ::pthread_sigmask(SIG_SETMASK, &mask_before, nullptr);
    ::signal(SIGUSR1, user1_before);
    ::signal(SIGUSR2, user2_before);
}

TEST_CASE("a program that does not exist is an error that names it", "[child_process]") {
    try {
        spawn("/nowhere/to/be/found", {"x"}, {}, {}, no_signals());
        FAIL("it was started");
    } catch (const std::system_error& error) {
        CHECK(error.code() == std::errc::no_such_file_or_directory);
        CHECK(std::string(error.what()).find("/nowhere/to/be/found") != std::string::npos);
    }
}

/// Linux 6.15 and later.
bool kernel_tells_of_reaped() {
    utsname system{};
    int major = 0, minor = 0;
    return ::uname(&system) == 0 && std::sscanf(system.release, "%d.%d", &major, &minor) == 2 &&
           (major > 6 || (major == 6 && minor >= 15));
}

TEST_CASE("how a process ended that somebody else has reaped is known where the kernel tells it", "[child_process]") {
    const ProcessHandle ends = run_shell("exit 4");
    const ProcessHandle killed = run_shell("kill -9 $$");
    for (const ProcessHandle* const child : {&ends, &killed}) {
        int status = 0;
        REQUIRE(support::wait_for_end(child->pid(), &status) == child->pid());
    }
    if (kernel_tells_of_reaped() && ends.watch_fd() >= 0) {
        CHECK(ends.reap().exit_code == 4);
        CHECK(!ends.reap().signal);
        CHECK(killed.reap().signal == SIGKILL);
        CHECK(!killed.reap().exit_code);
    } else {
        CHECK(!ends.reap().exit_code);
        CHECK(!killed.reap().signal);
    }
}

TEST_CASE("without a pidfd how a process ended that somebody else has reaped is unknown", "[child_process]") {
    const ProcessHandle child = run_shell("exit 4");
    int status = 0;
    REQUIRE(support::wait_for_end(child.pid(), &status) == child.pid());
    const ExitStatus unknown = ProcessHandle(child.pid(), FileDescriptor()).reap();
    CHECK(!unknown.exit_code);
    CHECK(!unknown.signal);
    const FileDescriptor other(::open("/dev/null", O_RDONLY | O_CLOEXEC));  // as a kernel without the request
    CHECK(!exit_status_of_reaped(other).exit_code);
}

TEST_CASE("a handle of no process does nothing", "[child_process]") {
    const ProcessHandle nothing;
    CHECK(nothing.pid() == -1);
    CHECK(nothing.watch_fd() == -1);
    nothing.send_signal(SIGKILL);  // above all not to every process there is
}

TEST_CASE("die_with_parent() is false when the parent is gone already", "[child_process]") {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(die_with_parent(::getpid()) ? 1 : 7);
    int status = 0;
    REQUIRE(support::wait_for_end(child, &status) == child);
    CHECK(WEXITSTATUS(status) == 7);
}

TEST_CASE("the threads of this process are counted", "[child_process]") {
    const std::size_t before = thread_count();
    CHECK(before >= 1);
    support::Gate started("the thread has started");
    support::Gate may_end("the thread may end");
    std::thread thread([&] {
        started.open();
        may_end.wait();
    });
    started.wait();
    CHECK(thread_count() == before + 1);
    may_end.open();
    thread.join();
    CHECK(support::eventually([&] { return thread_count() == before; }));
}

}  // namespace
