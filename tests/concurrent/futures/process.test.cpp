// SPDX-License-Identifier: MIT
#include <concurrent/futures/process.hpp>
#include <concurrent/futures/promise.hpp>
#include <concurrent/futures/shared_array.hpp>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <chrono>
#include <cstdlib>
#include <limits>
#include <optional>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/deadline.hpp"
#include "support/deep_callbacks.hpp"
#include "support/eventually.hpp"
#include "support/gate.hpp"
#include "support/process_log.hpp"
#include "support/processes.hpp"

namespace cf = concurrent::futures;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

struct SpawnProcess {
    static cf::ProcessOptions with(cf::ProcessOptions options = {}) {
        options.start_method = cf::StartMethod::spawn;
        return options;
    }
};
struct ForkProcess {
    static cf::ProcessOptions with(cf::ProcessOptions options = {}) {
        options.start_method = cf::StartMethod::fork;
        return options;
    }
};

// ThreadSanitizer cannot follow a fork of a process with threads.
#if CONCURRENT_FUTURES_TSAN
#define EACH_START(name) TEMPLATE_TEST_CASE(name, "[process]", SpawnProcess)
#else
#define EACH_START(name) TEMPLATE_TEST_CASE(name, "[process]", SpawnProcess, ForkProcess)
#endif

// ---- calls ----

void nothing() {}
void wait_for(const std::string& gate) { support::wait_at_gate(gate); }
void note_and_stay(const std::string& log) {
    support::append_line(log, std::to_string(::getpid()));
    for (;;) ::pause();
}
void note_stop(std::stop_token stop, const std::string& log) {
    support::append_line(log, "started");
    support::Gate stopped;
    const std::stop_callback callback(stop, [&] { stopped.open(); });
    stopped.wait();
    support::append_line(log, "stopped");
}
void throw_error() { throw std::runtime_error("no such shard"); }
void raise_signal(int signal) { ::raise(signal); }
void note_numbers(const std::string& log, std::span<const int> numbers, std::string_view text, const char16_t letter) {
    int sum = 0;
    for (const int n : numbers) sum += n;
    support::append_line(log, std::to_string(sum) + std::string(text) + std::to_string(static_cast<int>(letter)));
}
void write_into(cf::SharedArray<int> array) { array[1] = 42; }
struct Noting {
    std::string log;
    std::string text;
    void operator()() const { support::append_line(log, text); }
};
void start_another(const std::string& log, int depth) {
    if (depth > 0) {
        cf::Process child(start_another, log, depth - 1);
        child.join();
        if (child.exit_code() != 0) std::exit(9);
    }
    support::append_line(log, std::to_string(depth));
}
void allocate(std::size_t bytes) {
    std::vector<char> memory(bytes, 'x');
    if (memory[bytes / 2] != 'x') std::exit(9);
}

}  // namespace

EACH_START("a process runs a call and its exit code is 0") {
    const support::ProcessGate gate;
    cf::Process process(TestType::with({.name = "waiting"}), wait_for, gate.path());
    CHECK(process.is_alive());
    CHECK(process.pid() > 0);
    CHECK(process.pid() != ::getpid());
    CHECK_FALSE(process.exit_code());
    CHECK_FALSE(process.signal());
    CHECK(process.obituary().empty());
    const_cast<support::ProcessGate&>(gate).open();
    process.join();
    process.join();
    CHECK_FALSE(process.is_alive());
    CHECK(process.exit_code() == 0);
    CHECK_FALSE(process.signal());
}

EACH_START("a call that throws gives exit code 1") {
    cf::Process process(TestType::with(), throw_error);
    process.join();
    CHECK(process.exit_code() == 1);
    CHECK_FALSE(process.signal());
    CHECK_THAT(process.obituary(), ContainsSubstring("ended with exit code 1"));
}

EACH_START("exit(n) in the call gives exit code n") {
    cf::Process process(TestType::with(), [](int code) { ::_exit(code); }, 37);
    process.join();
    CHECK(process.exit_code() == 37);
}

EACH_START("a signal that ends the process is told, with an obituary") {
    cf::Process process(TestType::with({.name = "crashing"}), raise_signal, SIGABRT);
    process.join();
    CHECK_FALSE(process.exit_code());
    CHECK(process.signal() == SIGABRT);
    CHECK_THAT(process.obituary(), ContainsSubstring("process " + std::to_string(process.pid()) +
                                                     " was killed by signal 6") &&
                                       ContainsSubstring("\"crashing\""));
}

EACH_START("the peak of memory in an obituary is never the parent's") {
    const std::vector<char> large(std::size_t{300} << 20, 'x');
    REQUIRE(large.back() == 'x');
    const auto touch_and_die = [](std::size_t mebibytes) {
        const std::vector<char> touched(mebibytes << 20, 'x');
        ::raise(touched.back() == 'x' ? SIGKILL : SIGABRT);
    };
    cf::Process process(TestType::with(), touch_and_die, std::size_t{4});
    process.join();
    REQUIRE(process.signal() == SIGKILL);
    if (TestType::with().start_method == cf::StartMethod::spawn)
        CHECK_THAT(process.obituary(), !ContainsSubstring("MiB"));
    else
        CHECK_THAT(process.obituary(), ContainsSubstring(" of it there when it was forked"));
}

EACH_START("terminate() sends SIGTERM and kill() sends SIGKILL") {
    const support::ProcessLog log;
    cf::Process terminated(TestType::with(), note_and_stay, log.path());
    cf::Process killed(TestType::with(), note_and_stay, log.path());
    cf::Process at_once(TestType::with(), note_and_stay, log.path());
    at_once.terminate();
    at_once.join();
    CHECK(at_once.signal() == SIGTERM);
    log.wait_for(2);
    terminated.terminate();
    killed.kill();
    terminated.join();
    killed.join();
    CHECK(terminated.signal() == SIGTERM);
    CHECK(killed.signal() == SIGKILL);
    terminated.terminate();  // it has ended: nothing happens
    killed.kill();
}

EACH_START("request_stop() reaches the stop token of the call") {
    const support::ProcessLog log;
    cf::Process process(TestType::with(), note_stop, log.path());
    log.wait_for(1);
    CHECK(process.is_alive());
    process.request_stop();
    process.join();
    CHECK(process.exit_code() == 0);
    CHECK(log.lines() == std::vector<std::string>{"started", "stopped"});
}

EACH_START("the destructor requests the stop and joins") {
    const support::ProcessLog log;
    {
        const cf::Process process(TestType::with(), note_stop, log.path());
        log.wait_for(1);
    }
    CHECK(log.lines() == std::vector<std::string>{"started", "stopped"});
}

EACH_START("the destructor kills a process that has not ended after stop_grace") {
    const support::ProcessLog log;
    int pid = 0;
    {
        const cf::Process process(TestType::with({.stop_grace = 20ms}), note_and_stay, log.path());
        log.wait_for(1);
        pid = process.pid();
    }
    CHECK(::kill(pid, 0) != 0);
}

EACH_START("join() with a time gives up with TimeoutError, and may be called again") {
    support::ProcessGate gate;
    cf::Process process(TestType::with({.name = "slow"}), wait_for, gate.path());
    CHECK_THROWS_AS(process.join(5ms), cf::TimeoutError);
    CHECK_THROWS_AS(process.join(0ms), cf::TimeoutError);
    CHECK(process.is_alive());
    gate.open();
    process.join(support::deadline(30s));
    CHECK(process.exit_code() == 0);
}

EACH_START("a process moves, and an assignment ends the one that was there") {
    const support::ProcessLog log;
    cf::Process first(TestType::with({.stop_grace = 10ms}), note_and_stay, log.path());
    log.wait_for(1);
    const int pid = first.pid();
    cf::Process second = std::move(first);
    CHECK(second.pid() == pid);
    CHECK(first.pid() == 0);  // NOLINT(bugprone-use-after-move)
    CHECK_FALSE(first.is_alive());
    CHECK_THROWS_AS(first.join(), cf::InvalidStateError);
    second = cf::Process(TestType::with(), nothing);
    CHECK(::kill(pid, 0) != 0);
    second.join();
    CHECK(second.exit_code() == 0);
}

EACH_START("what crosses is what crosses to the workers of a pool") {
    const support::ProcessLog log;
    cf::Process(TestType::with(), note_numbers, log.path(), std::vector{1, 2, 3}, "text", u'\3').join();
    cf::Process(TestType::with(), Noting{log.path(), "functor"}).join();
    cf::Process(TestType::with(), [](const std::string& path) { support::append_line(path, "lambda"); }, log.path())
        .join();
    CHECK(log.lines() == std::vector<std::string>{"6text3", "functor", "lambda"});

    cf::SharedArray<int> array(4);
    cf::Process(TestType::with(), write_into, array).join();
    CHECK(array[1] == 42);
}

EACH_START("an argument may be larger than any pipe") {
    cf::Process process(TestType::with(), [](const std::string& text) { ::_exit(text.size() == 5'000'000 ? 5 : 6); },
                        std::string(5'000'000, 'x'));
    process.join();
    CHECK(process.exit_code() == 5);
}

EACH_START("a process starts processes") {
    const support::ProcessLog log;
    cf::Process process(TestType::with(), start_another, log.path(), 2);
    process.join();
    CHECK(process.exit_code() == 0);
    CHECK(log.lines() == std::vector<std::string>{"0", "1", "2"});
}

EACH_START("beyond max_memory_bytes the call has no memory") {
    if (support::sanitized) SKIP("a sanitizer needs more memory than any limit");
    constexpr std::size_t room = std::size_t{256} << 20;
    // A forked process starts with what this one has.
    const std::size_t limit = room + (std::is_same_v<TestType, SpawnProcess> ? 0 : support::private_memory());
    cf::Process enough(TestType::with({.max_memory_bytes = limit}), allocate, room / 8);
    cf::Process too_little(TestType::with({.max_memory_bytes = limit}), allocate, 2 * room);
    enough.join();
    too_little.join();
    CHECK(enough.exit_code() == 0);
    CHECK(too_little.exit_code() == 1);
}

EACH_START("a process that has more than max_memory_bytes before its call ends without it") {
    if (support::sanitized) SKIP("a sanitizer needs more memory than any limit");
    cf::Process process(TestType::with({.max_memory_bytes = 4096}), allocate, std::size_t{1});
    process.join();
    CHECK(process.exit_code() == 1);
}

TEST_CASE("a process goes on when the thread that started it ends", "[process]") {
    support::ProcessGate gate;
    std::optional<cf::Process> process;
    std::thread([&] { process.emplace(SpawnProcess::with(), wait_for, gate.path()); }).join();
    CHECK_THROWS_AS(process->join(50ms), cf::TimeoutError);
    gate.open();
    process->join();
    CHECK(process->exit_code() == 0);
}

TEST_CASE("members of a process may be called from several threads", "[process]") {
    const support::ProcessLog log;
    cf::Process process(SpawnProcess::with(), note_and_stay, log.path());
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) threads.emplace_back([&] { process.join(); });
    log.wait_for(1);
    std::thread killer([&] { process.kill(); });
    for (std::thread& thread : threads) thread.join();
    killer.join();
    CHECK(process.signal() == SIGKILL);
}

TEST_CASE("options that make no sense are refused", "[process]") {
    CHECK_THROWS_AS(cf::Process({.stop_grace = -1ms}, nothing), std::invalid_argument);
    cf::Process none;
    CHECK_FALSE(none.is_alive());
    CHECK_THROWS_AS(none.join(), cf::InvalidStateError);
    CHECK_THROWS_AS(none.exit_code(), cf::InvalidStateError);
    none.request_stop();
}

EACH_START("processes one after the other leave nothing behind") {
    // The long form, 10 000 of them: scripts/long_tests.sh processes
    for (int i = 0; i < 40; ++i) {
        cf::Process process(TestType::with(), [](int code) { ::_exit(code); }, i % 7);
        process.join();
        REQUIRE(process.exit_code() == i % 7);
    }
}

TEST_CASE("join() and the destructor first run the callbacks that their thread has put off", "[process]") {
    for (const bool destroyed : {false, true}) {
        support::ProcessGate gate;
        cf::Promise<void> promise;
        promise.get_future().add_done_callback([&](const cf::Future<void>&) { gate.open(); });
        std::optional<cf::Process> process(std::in_place, cf::ProcessOptions{.stop_grace = 1h}, wait_for, gate.path());
        support::in_deep_callbacks<cf::Promise<void>>([&] {
            promise.set_value();
            if (destroyed)
                process.reset();
            else
                process->join();
        });
        if (!destroyed) CHECK(process->exit_code() == 0);
    }
}

TEST_CASE("join() and stop_grace are right for every duration", "[process]") {
    const std::chrono::duration<double> nan(std::numeric_limits<double>::quiet_NaN());
    support::ProcessGate gate;
    cf::Process process({.stop_grace = std::chrono::hours::max()}, wait_for, gate.path());
    CHECK_THROWS_AS(process.join(std::chrono::nanoseconds::min()), cf::TimeoutError);
    CHECK_THROWS_AS(process.join(std::chrono::hours::min()), cf::TimeoutError);
    CHECK_THROWS_AS(process.join(-std::chrono::duration<double>::max()), cf::TimeoutError);
    CHECK_THROWS_WITH(process.join(nan), ContainsSubstring("Process::join is not a number (NaN)"));
    CHECK_THROWS_AS(process.join(nan), std::invalid_argument);
    CHECK(process.is_alive());
    gate.open();
    process.join(std::chrono::nanoseconds::max());
    process.join(std::chrono::hours::max());
    process.join(std::chrono::duration<double>(std::numeric_limits<double>::infinity()));
    CHECK(process.exit_code() == 0);
    CHECK_THROWS_WITH(cf::Process({.stop_grace = std::chrono::hours::min()}, nothing),
                      ContainsSubstring("ProcessOptions::stop_grace must not be negative"));
}

#if !CONCURRENT_FUTURES_TSAN  // which does not follow a fork of a process with threads
EACH_START("a Process in a fork of the program refuses, and its process stays with the parent") {
    support::ProcessGate gate;
    cf::Process process(TestType::with(), wait_for, gate.path());
    const pid_t child = ::fork();
    if (child == 0) {
        const auto refuses = [&](auto use) {
            try {
                use();
                return false;
            } catch (const cf::InvalidStateError& error) {
                return std::string(error.what()).find("before fork()") != std::string::npos;
            }
        };
        if (process.is_alive()) ::_exit(1);
        if (!refuses([&] { static_cast<void>(process.exit_code()); })) ::_exit(2);
        if (!refuses([&] { static_cast<void>(process.signal()); })) ::_exit(3);
        if (!refuses([&] { static_cast<void>(process.obituary()); })) ::_exit(4);
        if (!refuses([&] { process.terminate(); })) ::_exit(5);
        if (!refuses([&] { process.kill(); })) ::_exit(6);
        if (!refuses([&] { process.join(); })) ::_exit(7);
        if (!refuses([&] { process.join(1ms); })) ::_exit(8);
        process.request_stop();  // is noexcept
        { const cf::Process gone = std::move(process); }
        ::_exit(0);
    }
    int status = 0;
    REQUIRE(support::wait_for_end(child, &status) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
    CHECK(process.is_alive());
    gate.open();
    process.join();
    CHECK(process.exit_code() == 0);
}
#endif
