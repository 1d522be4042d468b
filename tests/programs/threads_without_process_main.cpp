// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^automatic refused: .*has 2; .*process_main\(argc, argv\) as the first line of main
// expect-output: ^fork refused: .*StartMethod::fork needs a process with one thread.*StartMethod::spawn
// expect-output: ^children: 0$
// expect-output: ^works: 49$
//
// A process with two threads must not fork, whether that was asked for or chosen.
#include <concurrent/futures/process_pool_executor.hpp>
#include <unistd.h>

#include <cstdio>
#include <thread>

#include "support/gate.hpp"
#include "support/processes.hpp"

namespace cf = concurrent::futures;

static int square(int n) { return n * n; }

static void refuse(const char* what, cf::StartMethod method) {
    try {
        cf::ProcessPoolExecutor pool({.start_method = method});
        std::printf("%s: not refused\n", what);
    } catch (const cf::BrokenProcessPool& error) {
        std::printf("%s refused: %s\n", what, error.what());
    }
}

int main() {
    support::Gate may_end;
    std::thread other([&] { may_end.wait(); });
    refuse("automatic", cf::StartMethod::automatic);
    refuse("fork", cf::StartMethod::fork);
    std::printf("children: %zu\n", support::children_of(::getpid()).size());
    may_end.open();
    other.join();
    // The threads of other pools do not count: a pool forks with those in mind.
    cf::ProcessPoolExecutor first(1);
    first.submit(square, 1).result();
    cf::ProcessPoolExecutor second(1);
    std::printf("works: %d\n", second.submit(square, 7).result());
}
