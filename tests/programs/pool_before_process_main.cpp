// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^refused: .*process_main\(argc, argv\)
// expect-output: ^later: 25$
// expect-output: ^runs of main: 1$
//
// A pool that is made before process_main is told so; one made after it works.
#include <concurrent/futures/process_pool_executor.hpp>

#include <cstdio>

namespace cf = concurrent::futures;

static int square(int n) { return n * n; }
static int runs_of_main = 0;

int main(int argc, char** argv) {
    try {
        cf::ProcessPoolExecutor early({.start_method = cf::StartMethod::spawn});
        std::printf("not refused\n");
    } catch (const cf::BrokenProcessPool& error) {
        // Workers come by here as well; only what the program itself prints is looked at.
        if (!cf::detail::has_worker_order()) std::printf("refused: %s\n", error.what());
    }
    cf::process_main(argc, argv);
    std::printf("runs of main: %d\n", ++runs_of_main);
    cf::ProcessPoolExecutor pool({.max_workers = 1, .start_method = cf::StartMethod::spawn});
    std::printf("later: %d\n", pool.submit(square, 5).result());
}
