// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^ahead: every wait ended$
// expect-output: ^behind: every wait ended$
// expect-no-output: ^wrong
// timeout-seconds: 240
//
// libfaketime gives a program another CLOCK_MONOTONIC than the kernel has, decades ahead, while the kernel goes on to
// count timed waits by its own. This program does the same by a clock_gettime() of its own. Timed waits must end.
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <concurrent/futures.hpp>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <latch>
#include <stop_token>
#include <vector>

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

static constinit long shift = 0;  // seconds, set before there are threads

// Every caller in the program gets this one, std::chrono too.
extern "C" int clock_gettime(clockid_t clock, std::timespec* time) noexcept {
    const long result = ::syscall(SYS_clock_gettime, clock, time);
    if (result == 0 && clock == CLOCK_MONOTONIC) time->tv_sec += shift;
    return static_cast<int>(result);
}

static void wait_until_stopped(std::stop_token stop) {
    std::latch stopped(1);
    const std::stop_callback count(stop, [&] { stopped.count_down(); });
    stopped.wait();
}
static void wait_for_a_signal() {
    while (true) ::pause();
}
template <class Pool>
bool shuts_down_too_late(Pool& pool) {
    try {
        pool.shutdown_for(2ms);
    } catch (const cf::TimeoutError&) {
        return true;
    }
    return false;
}

/// 0, or which wait was wrong.
static int run(const char* name, long seconds) {
    shift = seconds;
    {
        std::latch may_end(1);
        cf::ThreadPoolExecutor pool({.max_workers = 2});
        auto waits = pool.submit([&] { may_end.wait(); });
        if (waits.wait_for(2ms) != std::future_status::timeout) return 1;
        if (waits.wait_until(std::chrono::steady_clock::now() + 2ms) != std::future_status::timeout) return 2;
        if (!cf::wait(std::vector{waits}, {.timeout = 2ms}).done.empty()) return 3;
        if (!shuts_down_too_late(pool)) return 4;
        may_end.count_down();
        waits.result();
    }
    {
        cf::ThreadPoolExecutor pool({.max_workers = 1});
        pool.submit(cf::TaskOptions{.timeout = 2ms}, wait_until_stopped).wait();
    }
    if (CONCURRENT_FUTURES_TSAN) {
        std::printf("fork: not run: ThreadSanitizer cannot follow a fork of a process with threads\n");
    } else {
        cf::ProcessPoolExecutor pool({.max_workers = 1, .start_method = cf::StartMethod::fork});
        auto waits = pool.submit(wait_for_a_signal);
        if (waits.wait_for(2ms) != std::future_status::timeout) return 5;
        if (!shuts_down_too_late(pool)) return 6;
        pool.kill_workers();
        waits.wait();
    }
    std::printf("%s: every wait ended\n", name);
    return 0;
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    std::setvbuf(stdout, nullptr, _IONBF, 0);
    const struct {
        const char* name;
        long shift;
    } clocks[]{{"ahead", 56L * 365 * 24 * 3600}, {"behind", -3L * 3600}};
    for (const auto& [name, seconds] : clocks) {
        const pid_t child = ::fork();
        if (child == 0) std::_Exit(run(name, seconds));
        int status = 0;
        ::waitpid(child, &status, 0);
        if (status != 0) return std::printf("wrong: %s ended with status %d\n", name, status), 1;
    }
    return 0;
}
