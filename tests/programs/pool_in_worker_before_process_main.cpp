// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: this process was started as a worker, but main makes a pool before it calls process_main
// expect-output: ^the program: BrokenProcessPool: .*before they were ready
//
// main makes a fork pool before process_main: allowed here, but each worker of a later pool would make
// one too. It is stopped there, and the pool that waits for the worker says so.
#include <concurrent/futures/process_pool_executor.hpp>

#include <cstdio>
#include <optional>

namespace cf = concurrent::futures;

static int square(int n) { return n * n; }

static int run(int argc, char** argv) {
    std::optional<cf::ProcessPoolExecutor> early;
    try {
        early.emplace(cf::ProcessPoolOptions{.max_workers = 1});
    } catch (const cf::BrokenProcessPool& error) {
        std::fprintf(stderr, "a worker: %s\n", error.what());
        return 7;
    }
    cf::process_main(argc, argv);
    cf::ProcessPoolExecutor pool({.max_workers = 1, .start_method = cf::StartMethod::spawn});
    try {
        pool.submit(square, 5).result();
        return 1;
    } catch (const cf::BrokenProcessPool& error) {
        std::printf("the program: BrokenProcessPool: %s\n", error.what());
    }
    return 0;
}

int main(int argc, char** argv) { return run(argc, argv); }
