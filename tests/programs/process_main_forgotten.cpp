// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^main runs$
// expect-output: ^refused: .*StartMethod::spawn.*process_main\(argc, argv\)
// expect-output: ^children: 0$
// expect-no-output: main runs\n(.*\n)*main runs
//
// spawn without process_main: a clear error, and no second copy of this program.
#include <concurrent/futures/process_pool_executor.hpp>
#include <unistd.h>

#include <cstdio>

#include "support/processes.hpp"

namespace cf = concurrent::futures;

int main() {
    std::printf("main runs\n");
    try {
        cf::ProcessPoolExecutor pool({.start_method = cf::StartMethod::spawn});
        return 1;
    } catch (const cf::BrokenExecutor& error) {
        std::printf("refused: %s\n", error.what());
    }
    std::printf("children: %zu\n", support::children_of(::getpid()).size());
}
