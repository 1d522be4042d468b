// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^spawn: 2 workers, gone within a second$
//
// The process with the pool is killed: its workers, one of them busy, are gone within a second.
#include <concurrent/futures/process_pool_executor.hpp>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "support/eventually.hpp"
#include "support/process_log.hpp"
#include "support/processes.hpp"

namespace cf = concurrent::futures;

static void stay(const std::string& log) {
    support::append_line(log, std::to_string(::getpid()));
    for (;;) ::pause();
}

static void own_a_pool(cf::StartMethod method, const std::string& busy, const std::string& idle) {
    cf::ProcessPoolExecutor pool({.max_workers = 2, .start_method = method});
    const auto call = pool.submit(stay, busy);
    support::append_line(idle, std::to_string(pool.submit(::getpid).result()));
    call.wait();
}

static bool is_alive(pid_t pid) {
    for (const auto& process : support::all_processes())
        if (process.pid == pid) return process.state != 'Z';
    return false;
}

static void check(const char* name, cf::StartMethod method) {
    const support::ProcessLog busy;
    const support::ProcessLog idle;
    std::fflush(stdout);
    const pid_t owner = ::fork();
    if (owner == 0) {
        own_a_pool(method, busy.path(), idle.path());
        ::_exit(0);
    }
    busy.wait_for(1);
    idle.wait_for(1);
    const std::vector<pid_t> workers{std::stoi(busy.lines().at(0)), std::stoi(idle.lines().at(0))};
    std::size_t count = 0;
    for (const pid_t worker : workers) count += is_alive(worker);
    const auto killed = std::chrono::steady_clock::now();
    ::kill(owner, SIGKILL);
    ::waitpid(owner, nullptr, 0);
    const bool gone = support::eventually(
        [&] { return !is_alive(workers[0]) && !is_alive(workers[1]); });
    const bool soon = std::chrono::steady_clock::now() - killed <= support::deadline(std::chrono::seconds(1));
    std::printf("%s: %zu workers, %s\n", name, count,
                !gone ? "still there" : soon ? "gone within a second" : "gone late");
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    check("spawn", cf::StartMethod::spawn);
    if (CONCURRENT_FUTURES_TSAN)
        std::printf("fork: left out, ThreadSanitizer cannot follow it\n");
    else
        check("fork", cf::StartMethod::fork);
}
