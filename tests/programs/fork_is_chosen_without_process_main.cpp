// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^144 in another process$
// expect-output: ^main runs\n144
// expect-no-output: main runs\n(.*\n)*main runs
//
// automatic without process_main, in a program with one thread: works, by fork.
#include <concurrent/futures/process_pool_executor.hpp>
#include <unistd.h>

#include <cstdio>

namespace cf = concurrent::futures;

static int square(int n) { return n * n; }

int main() {
    std::printf("main runs\n");  // still in the buffer when the pool forks
    cf::ProcessPoolExecutor pool({.max_workers = 2});
    const int answer = pool.submit(square, 12).result();
    const bool elsewhere = pool.submit(::getpid).result() != ::getpid();
    std::printf("%d in %s process\n", answer, elsewhere ? "another" : "this");
}
