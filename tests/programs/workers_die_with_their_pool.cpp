// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^spawn: 2 workers, gone within a second$
// expect-output: ^spawn, with a child: 2 workers, gone within a second$
// expect-output: ^spawn, with a child, as another user: 2 workers, gone within a second$
// expect-output: ^(fork, with a child: 2 workers, gone within a second|fork: left out, .*)$
// expect-output: ^(fork, with a child, as another user: 2 workers, gone within a second|fork: left out, .*)$
//
// The process with the pool is killed: its workers, one of them busy, are gone within a second. So they are when a
// child that the program has forked lives on and has all its descriptors, and when the initializer has made them
// another user (if this is root), whereupon the system forgets to end them with their parent.
#include <concurrent/futures/process_pool_executor.hpp>
#include <signal.h>
#include <sys/stat.h>
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

static void become_nobody() {
    if (::geteuid() == 0) static_cast<void>(::setuid(65534) == 0);
}

struct Surroundings {
    bool child = false;
    bool another_user = false;
};

static void own_a_pool(cf::StartMethod method, Surroundings with, const std::string& busy, const std::string& idle,
                       const std::string& child) {
    cf::ProcessPoolOptions options{.max_workers = 2, .start_method = method};
    if (with.another_user) options.initializer = cf::bind_task(become_nobody);
    cf::ProcessPoolExecutor pool(options);
    const auto call = pool.submit(stay, busy);
    support::append_line(idle, std::to_string(pool.submit(::getpid).result()));
    if (with.child && ::fork() == 0) stay(child);
    call.wait();
}

static bool is_alive(pid_t pid) {
    for (const auto& process : support::all_processes())
        if (process.pid == pid) return process.state != 'Z';
    return false;
}

struct Outcome {
    std::size_t workers = 0;
    bool gone = false;
    bool soon = false;
};

static Outcome kill_owner(cf::StartMethod method, Surroundings with) {
    Outcome outcome;
    const support::ProcessLog busy;
    const support::ProcessLog idle;
    const support::ProcessLog child;
    // Workers write to it as another user.
    ::chmod(busy.path().c_str(), 0666);
    ::chmod(busy.path().substr(0, busy.path().rfind('/')).c_str(), 0755);
    std::fflush(stdout);
    const pid_t owner = ::fork();
    if (owner == 0) {
        own_a_pool(method, with, busy.path(), idle.path(), child.path());
        ::_exit(0);
    }
    busy.wait_for(1);
    idle.wait_for(1);
    if (with.child) child.wait_for(1);
    const std::vector<pid_t> workers{std::stoi(busy.lines().at(0)), std::stoi(idle.lines().at(0))};
    for (const pid_t worker : workers) outcome.workers += is_alive(worker);
    const auto killed = std::chrono::steady_clock::now();
    ::kill(owner, SIGKILL);
    ::waitpid(owner, nullptr, 0);
    outcome.gone = support::eventually([&] { return !is_alive(workers[0]) && !is_alive(workers[1]); });
    outcome.soon = std::chrono::steady_clock::now() - killed <= support::deadline(std::chrono::seconds(1));
    if (with.child) ::kill(std::stoi(child.lines().at(0)), SIGKILL);
    return outcome;
}

static void check(const char* name, cf::StartMethod method, Surroundings with = {}) {
    Outcome outcome = kill_owner(method, with);
    // A busy machine may delay this process, so one time in a few is enough.
    for (int more = 0; outcome.gone && !outcome.soon && more < 5; ++more) outcome = kill_owner(method, with);
    std::printf("%s: %zu workers, %s\n", name, outcome.workers,
                !outcome.gone ? "still there" : outcome.soon ? "gone within a second" : "gone late");
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    check("spawn", cf::StartMethod::spawn);
    check("spawn, with a child", cf::StartMethod::spawn, {.child = true});
    check("spawn, with a child, as another user", cf::StartMethod::spawn, {.child = true, .another_user = true});
    if (CONCURRENT_FUTURES_TSAN)
        return std::puts("fork: left out, ThreadSanitizer cannot follow it") < 0;
    check("fork", cf::StartMethod::fork);
    check("fork, with a child", cf::StartMethod::fork, {.child = true});
    check("fork, with a child, as another user", cf::StartMethod::fork, {.child = true, .another_user = true});
}
