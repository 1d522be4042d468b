// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^before: 3$
// expect-output: ^after: 3$
//
// Spawned workers find the tasks of the program although it is loaded elsewhere, and see globals as
// main has not yet changed them: only arguments cross. Forked ones see them as they were at the fork.
#include <concurrent/futures/process_pool_executor.hpp>

#include <cstdio>

namespace cf = concurrent::futures;

static int global = 3;
static int read_global() { return global; }

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    cf::ProcessPoolExecutor forked(
        {.max_workers = 1, .start_method = CONCURRENT_FUTURES_TSAN ? cf::StartMethod::spawn
                                                                   : cf::StartMethod::fork});
    global = 4;
    cf::ProcessPoolExecutor spawned({.max_workers = 1, .start_method = cf::StartMethod::spawn});
    std::printf("before: %d\n", spawned.submit(read_global).result());
    std::printf("after: %d\n", forked.submit(read_global).result());
}
