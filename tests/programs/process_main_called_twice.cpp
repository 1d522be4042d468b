// SPDX-License-Identifier: MIT
// arguments: one two
// expect-exit: 0
// expect-output: ^64 from a copy with 3 arguments$
// expect-output: ^main runs\n64
// expect-no-output: main runs\n(.*\n)*main runs
//
// process_main may be called twice, and a worker gets the arguments of the program.
#include <concurrent/futures/process_pool_executor.hpp>

#include <cstdio>
#include <string>

namespace cf = concurrent::futures;

static int square(int n) { return n * n; }
static int argument_count() {
    return static_cast<int>(cf::detail::program_start().arguments.size());
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    cf::process_main(argc, argv);
    std::printf("main runs\n");
    cf::ProcessPoolExecutor pool({.max_workers = 1, .start_method = cf::StartMethod::spawn});
    const int answer = pool.submit(square, 8).result();
    std::printf("%d from a copy with %d arguments\n", answer, pool.submit(argument_count).result());
}
