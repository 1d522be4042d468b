// SPDX-License-Identifier: MIT
//
// See coverage.py: how often each marked line runs, over all processes.
#include <concurrent/futures.hpp>
#include <concurrent/futures/process.hpp>

#include <cstring>

namespace cf = concurrent::futures;

static int in_worker(int n) {
    return n + 1;  // runs 10
}
static void in_process(int) {
    static volatile int sink = 0;
    sink = 1;  // runs 1
}
static int before_the_pool(int n) {
    return n * 2;  // runs 3
}
static int exit_code(int sum) {
    return sum == 6 + 55 ? 0 : 1;  // runs 1
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    const auto method = argc > 1 && std::strcmp(argv[1], "fork") == 0 ? cf::StartMethod::fork : cf::StartMethod::spawn;
    int sum = 0;
    for (int i = 0; i < 3; ++i) sum += before_the_pool(i);
    {
        cf::Process process({.start_method = method}, in_process, 1);
        process.join();
    }
    cf::ProcessPoolExecutor pool({.max_workers = 2, .start_method = method});
    for (int i = 0; i < 10; ++i) sum += pool.submit(in_worker, i).result();
    pool.shutdown();
    return exit_code(sum);
}
