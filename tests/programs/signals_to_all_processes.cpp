// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^spawn: 200 of 200 calls, draining$
// expect-output: ^fork: (200 of 200 calls, draining|not run: ThreadSanitizer cannot follow a fork of a process with threads)$
// timeout-seconds: 120
//
// A service manager sends SIGTERM to all processes of a service, a terminal SIGHUP, an operator SIGUSR1. The program
// decides what that means; calls that run or wait for a worker that starts are not lost, nor is the pool.
#include <concurrent/futures/process_pool_executor.hpp>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <vector>

namespace cf = concurrent::futures;

static volatile sig_atomic_t draining = 0;
static int square(int n) {
    ::poll(nullptr, 0, 1);
    return n * n;
}

static void drain(cf::StartMethod method, const char* name) {
    draining = 0;
    int right = 0;
    // Workers are replaced all the time, so that some are starting whenever the signals come.
    cf::ProcessPoolExecutor pool({.max_workers = 2, .start_method = method, .max_tasks_per_child = 5});
    std::vector<cf::Future<int>> calls;
    for (int n = 0; n < 200; ++n) calls.push_back(pool.submit(square, n));
    for (int n = 0; n < 200; ++n) {
        const auto& call = calls[static_cast<std::size_t>(n)];
        do
            for (const int signal : {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGQUIT}) ::kill(0, signal);
        while (call.wait_for(std::chrono::milliseconds(2)) != std::future_status::ready);
        try {
            right += call.result() == n * n;
        } catch (const std::exception& error) {
            std::printf("%s\n", error.what());
        }
    }
    std::printf("%s: %d of 200 calls%s\n", name, right, draining ? ", draining" : "");
    std::fflush(stdout);
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    ::setpgid(0, 0);
    for (const int signal : {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGQUIT}) ::signal(signal, [](int) { draining = 1; });
    drain(cf::StartMethod::spawn, "spawn");
    if (CONCURRENT_FUTURES_TSAN)
        std::puts("fork: not run: ThreadSanitizer cannot follow a fork of a process with threads");
    else
        drain(cf::StartMethod::fork, "fork");
}
