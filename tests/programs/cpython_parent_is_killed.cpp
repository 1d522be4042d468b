// SPDX-License-Identifier: MIT
// expect-output: ^spawn: 3 busy workers, their parent killed, nobody left$
// expect-output: ^spawn: idle worker, its parent killed, nobody left$
// expect-output: ^fork: (3 busy workers, their parent killed, nobody left|left out.*)$
// expect-output: ^fork: (idle worker, its parent killed, nobody left|left out.*)$
//
// What CPython has no test for (python/cpython#111873): when the process of a pool is killed, its
// workers, busy and idle, end too.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cpython/program.hpp"
#include "support/gate.hpp"
#include "support/process_log.hpp"

namespace {

namespace cf = concurrent::futures;

/// Only a signal ends it.
void stay(const std::string& log) {
    support::count_event(log);
    for (;;) ::pause();
}

[[noreturn]] void be_the_parent(cf::StartMethod method, int busy, const std::string& log) {
    cf::ProcessPoolExecutor pool(cf::ProcessPoolOptions{.max_workers = 3, .start_method = method});
    for (int i = 0; i < busy; ++i) pool.submit(stay, log);
    if (busy == 0) {
        pool.submit(support::count_event, log).wait();
    }
    for (;;) ::pause();
}

/// Returns when the parent and all below it have ended: they become children of this process.
void kill_the_parent_of_workers(cf::StartMethod method, int busy) {
    const support::ProcessCounter counter;
    const pid_t parent = ::fork();
    if (parent == 0) be_the_parent(method, busy, counter.path());
    counter.wait_for(busy == 0 ? 1 : static_cast<std::size_t>(busy));
    ::kill(parent, SIGKILL);
    while (::waitpid(-1, nullptr, 0) > 0) {
    }
}

}  // namespace

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    kill_the_parent_of_workers(cf::StartMethod::spawn, 3);
    cpython::say("spawn: 3 busy workers, their parent killed, nobody left");
    kill_the_parent_of_workers(cf::StartMethod::spawn, 0);
    cpython::say("spawn: idle worker, its parent killed, nobody left");
#if CONCURRENT_FUTURES_TSAN
    cpython::say("fork: left out, ThreadSanitizer cannot follow it");
#else
    kill_the_parent_of_workers(cf::StartMethod::fork, 3);
    cpython::say("fork: 3 busy workers, their parent killed, nobody left");
    kill_the_parent_of_workers(cf::StartMethod::fork, 0);
    cpython::say("fork: idle worker, its parent killed, nobody left");
#endif
    return 0;
}
