// SPDX-License-Identifier: MIT
//
// A TaskGroup: results by reference, no futures.
#include "support/taskflow.hpp"
#include "threads/fib/workload.hpp"

using namespace benchmarks;

static int fib(tf::Executor& executor, int n) {
    if (n < 2) return n;
    int first = 0;
    tf::TaskGroup group = executor.task_group();
    group.silent_async([&executor, &first, n] { first = fib(executor, n - 1); });
    const int second = fib(executor, n - 2);
    group.corun();
    return first + second;
}

static void fibonacci(benchmark::State& state) {
    tf::Executor executor(workers);
    time_fib(state, deep(), [&](int n) {
        return executor.async([&executor, n] { return fib(executor, n); }).get();
    });
}
BENCHMARK(fibonacci)->Name(title)->UseRealTime();
BENCHMARK(fibonacci)->Name(title_joined)->UseRealTime();
