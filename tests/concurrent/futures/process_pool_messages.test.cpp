// SPDX-License-Identifier: MIT
//
// What a person reads when a worker has died or was ended, word for word; and the switch that the text
// names, which makes pools run their calls in the submitter.
#include <concurrent/futures/process_pool_executor.hpp>
#include <signal.h>

#include <cstdlib>
#include <regex>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

#include "concurrent/futures/process_pool.hpp"

namespace process_pools {
namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;

/// The text without what is different each time.
std::string golden(std::string text) {
    text = std::regex_replace(text, std::regex("worker process [0-9]+"), "worker process <pid>");
    text = std::regex_replace(text, std::regex("after [0-9.]+ s"), "after <time>");
    // Given only where it is the worker's own: process_pool_deaths.test.cpp.
    text = std::regex_replace(text, std::regex(", with a peak of [0-9.]+ MiB of memory(, [0-9.]+ MiB of it there when "
                                               "it was forked)?"), "");
    // Both are in obituary.test.cpp, word for word; which it is depends on what this system counts.
    return std::regex_replace(text, std::regex("signal(: it may have been|, nor did) the kernel's out-of-memory "
                                               "killer(, which its control group would have counted)?"),
                              "signal <nor, or perhaps, the kernel>");
}

int die(const std::string& how) {
    if (how == "SIGKILL") ::kill(::getpid(), SIGKILL);
    if (how == "exit(3)") std::exit(3);
    if (how == "closes all") {
        for (int fd = 3; fd < 256; ++fd) ::close(fd);
        for (;;) ::pause();
    }
    for (;;) ::pause();
}
[[noreturn]] void use_memory_and_die(std::size_t bytes) {
    std::vector<char> memory(bytes, 'm');
    if (memory[bytes / 2] == 'm') ::kill(::getpid(), SIGKILL);
    std::abort();
}

const std::string advice =
    " To debug the task, set CONCURRENT_FUTURES_INLINE=1: pools then run their tasks in the process that "
    "submits them.";
const std::string only_this = " Only this task failed, the worker is replaced when it is needed.";

PROCESS_CASE("what a death is told as") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    const std::string killed = golden(error_of<cf::WorkerDiedError>(pool.submit({.name = "victim"}, die, "SIGKILL")).what());
    const std::string begin = "worker process <pid> was killed by signal 9 (Killed) while it ran task 1 \"victim\", after <time>";
    // On a busy machine more than a tenth of a second may be between the ends of its pipe and of the process.
    if (killed.find("its results pipe") == std::string::npos)
        CHECK(killed == begin + ". This pool did not send the signal <nor, or perhaps, the kernel>." + only_this + advice);
    else
        CHECK(killed == begin + " (it closed its results pipe)." + only_this + advice);
    CHECK(golden(error_of<cf::WorkerDiedError>(pool.submit(die, "exit(3)")).what()) ==
          "worker process <pid> ended with exit code 3 while it ran task 2, after <time>." + only_this + advice);
    CHECK(golden(error_of<cf::WorkerDiedError>(pool.submit(die, "closes all")).what()) ==
          "worker process <pid> was killed by signal 9 (Killed) while it ran task 3, after <time> "
          "(it closed its results pipe)." + only_this + advice);
    CHECK(golden(error_of<cf::WorkerDiedError>(pool.submit({.retries = 2}, die, "exit(3)")).what()) ==
          "worker process <pid> ended with exit code 3 while it ran task 4, after <time>. "
          "It was attempt 3, the last." + only_this + advice);
}

PROCESS_CASE("what a death is told as when the pool goes with it") {
    cf::ProcessPoolExecutor breaks(TestType::with(
        {.max_workers = 1, .on_worker_death = cf::WorkerDeath::break_pool}));
    const std::string text =
        "worker process <pid> ended with exit code 3 while it ran task 1, after <time>. "
        "The pool is broken, as on_worker_death asks." + advice;
    CHECK(golden(error_of<cf::WorkerDiedError>(breaks.submit(die, "exit(3)")).what()) == text);
    CHECK(golden(thrown_by<cf::BrokenProcessPool>([&] { breaks.submit(square, 1); }).what()) ==
          "ProcessPoolExecutor: " + text);
    for (const int signal : {SIGKILL, SIGTERM}) {
        cf::ProcessPoolExecutor ends(TestType::with({.max_workers = 1}));
        BusyWorker busy(ends);
        signal == SIGKILL ? ends.kill_workers() : ends.terminate_workers();
        CHECK(golden(error_of<cf::WorkerDiedError>(busy.call()).what()) ==
              std::string("worker process <pid> was killed by signal ") +
                  (signal == SIGKILL ? "9 (Killed)" : "15 (Terminated)") +
                  " while it ran task 1 \"busy\", after <time> (" +
                  (signal == SIGKILL ? "kill_workers()" : "terminate_workers()") +
                  "). The pool is shut down.");
    }
}

PROCESS_CASE("what a timeout is told as") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    const auto call = pool.submit({.name = "hangs", .timeout = 50ms, .retries = 1}, die, "never");
    CHECK(golden(error_of<cf::TaskTimeoutError>(call).what()) ==
          "task 1 \"hangs\" was stopped in worker process <pid> after <time>, its time limit is 0.050 s. "
          "It was attempt 2, the last.");
}

PROCESS_CASE("the peak of memory is that of the worker") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    const std::string text =
        error_of<cf::WorkerDiedError>(pool.submit(use_memory_and_die, 300 * mebibyte)).what();
    std::smatch found;
    REQUIRE(std::regex_search(text, found, std::regex("with a peak of ([0-9.]+) MiB")));
    CHECK(std::stod(found[1]) >= 300);
}

// ---- CONCURRENT_FUTURES_INLINE ----

class Environment {
  public:
    explicit Environment(const char* value) { ::setenv("CONCURRENT_FUTURES_INLINE", value, 1); }
    ~Environment() { ::unsetenv("CONCURRENT_FUTURES_INLINE"); }
    Environment(const Environment&) = delete;
    Environment& operator=(const Environment&) = delete;
};

int initialized = 0;
void initialize(int value) { initialized = value; }
int what_is_initialized() { return initialized; }
void fail_to_initialize() { throw std::runtime_error("no model"); }
int fail_at_first(const std::string& counter) {
    support::count_event(counter);
    static int calls = 0;
    if (++calls % 3 != 0) throw std::out_of_range("call " + std::to_string(calls));
    return calls;
}
int with_token(std::stop_token token, int n) { return token.stop_requested() ? -1 : n; }

PROCESS_CASE("with CONCURRENT_FUTURES_INLINE=1 calls run in submit(), in this process") {
    const Environment switched_on("1");
    cf::ProcessPoolExecutor pool(
        TestType::with({.max_workers = 2, .initializer = cf::bind_task(initialize, 42)}));
    const auto call = pool.submit({.timeout = 1ns}, worker_pid);
    CHECK(call.done());
    CHECK(call.result() == ::getpid());
    CHECK(pool.submit(what_is_initialized).result() == 42);
    CHECK(pool.submit(with_token, 5).result() == 5);
    CHECK(pool.worker_pids().empty());
    support::ProcessCounter ran;
    CHECK(pool.submit({.retries = 2}, fail_at_first, ran.path()).result() % 3 == 0);
    CHECK(ran.value() == 3);
    error_of<std::out_of_range>(pool.submit({.retries = 1}, fail_at_first, ran.path()));
    CHECK(pool.submit({.retries = 2}, fail_at_first, ran.path()).result() % 3 == 0);
    std::vector<int> squares;
    for (const int y : pool.map({.chunksize = 3}, square, std::vector{1, 2, 3, 4})) squares.push_back(y);
    CHECK(squares == std::vector{1, 4, 9, 16});
    CHECK(pool.stats().failed == 1);
    CHECK(pool.stats().workers == 0);
    pool.shutdown();
    CHECK_THROWS_AS(pool.submit(square, 1), cf::ShutdownError);
}

PROCESS_CASE("with CONCURRENT_FUTURES_INLINE=1 an initializer that throws breaks the pool") {
    const Environment switched_on("yes");
    cf::ProcessPoolExecutor pool(
        TestType::with({.max_workers = 2, .initializer = cf::bind_task(fail_to_initialize)}));
    CHECK_THAT(thrown_by<cf::BrokenProcessPool>([&] { pool.submit(square, 1); }).what(),
               ContainsSubstring("the initializer threw: no model"));
}

PROCESS_CASE("with CONCURRENT_FUTURES_INLINE=0, or empty, calls run in workers") {
    for (const char* const value : {"0", ""}) {
        const Environment switched_off(value);
        cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
        CHECK(pool.submit(worker_pid).result() != ::getpid());
    }
}

}  // namespace
}  // namespace process_pools
