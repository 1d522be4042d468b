// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^spawn: stopped, 2 of 2 results$
// expect-output: ^spawn: only the program stopped, 2 of 2 results$
// expect-output: ^spawn: many short stops, 2 of 2 results$
// expect-output: ^(fork: stopped, 2 of 2 results|fork: left out, .*)$
// expect-output: ^spawn: a call without end, stopped, TaskTimeoutError$
// timeout-seconds: 120
//
// Calls have a time limit of 3 s and wait for a gate; the program is stopped for longer than the limit, with its
// workers or alone, and then the gate opens. That time does not count.
#include <concurrent/futures/process_pool_executor.hpp>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "support/process_log.hpp"

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

static int pass(int n, const std::string& log, const std::string& gate) {
    support::append_line(log, "runs");
    while (::access(gate.c_str(), F_OK) != 0) ::poll(nullptr, 0, 5);
    return n;
}
static int never(const std::string& log) {
    support::append_line(log, "runs");
    for (;;) ::pause();
}

static void own_a_pool(cf::StartMethod method, const char* what, bool endless, const std::string& log,
                       const std::string& gate) {
    ::setpgid(0, 0);
    cf::ProcessPoolExecutor pool({.max_workers = 2, .start_method = method, .task_timeout = 3s, .stop_grace = 0s});
    const char* const name = method == cf::StartMethod::spawn ? "spawn" : "fork";
    if (endless) {
        const auto call = pool.submit(never, log);
        try {
            call.result();
        } catch (const cf::TaskTimeoutError&) {
            std::printf("%s: %s, TaskTimeoutError\n", name, what);
        }
    } else {
        const auto one = pool.submit(pass, 1, log, gate);
        const auto two = pool.submit(pass, 2, log, gate);
        int right = 0;
        for (const auto* call : {&one, &two}) {
            try {
                right += call->result() > 0;
            } catch (const std::exception& error) {
                std::printf("%s\n", error.what());
            }
        }
        std::printf("%s: %s, %d of 2 results\n", name, what, right);
    }
    std::fflush(stdout);
}

/// `rounds` times `milliseconds`, with a little time between.
static void check(cf::StartMethod method, const char* what, bool with_workers, int rounds, int milliseconds,
                  bool endless = false) {
    const support::ProcessLog log;
    const std::string gate = log.path() + ".gate";
    std::fflush(stdout);
    const pid_t program = ::fork();
    if (program == 0) {
        own_a_pool(method, what, endless, log.path(), gate);
        ::_exit(0);
    }
    log.wait_for(endless ? 1 : 2);
    for (int round = 0; round < rounds; ++round) {
        ::kill(with_workers ? -program : program, SIGSTOP);
        ::poll(nullptr, 0, milliseconds);
        ::kill(with_workers ? -program : program, SIGCONT);
        ::poll(nullptr, 0, 10);
    }
    ::close(::open(gate.c_str(), O_CREAT | O_WRONLY, 0600));
    ::waitpid(program, nullptr, 0);
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    check(cf::StartMethod::spawn, "stopped", true, 1, 4000);
    check(cf::StartMethod::spawn, "only the program stopped", false, 1, 4000);
    check(cf::StartMethod::spawn, "many short stops", true, 8, 500);
    check(cf::StartMethod::spawn, "a call without end, stopped", true, 1, 1000, true);
    if (CONCURRENT_FUTURES_TSAN)
        std::puts("fork: left out, ThreadSanitizer cannot follow it");
    else
        check(cf::StartMethod::fork, "stopped", true, 1, 4000);
}
