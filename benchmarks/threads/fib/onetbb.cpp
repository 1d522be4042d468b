// SPDX-License-Identifier: MIT
//
// Results by reference, no futures; the submitter works, too.
#include "support/onetbb.hpp"
#include "threads/fib/workload.hpp"

using namespace benchmarks;

static int fib(int n) {
    if (n < 2) return n;
    int first = 0;
    tbb::task_group group;
    group.run([&first, n] { first = fib(n - 1); });
    const int second = fib(n - 2);
    group.wait();
    return first + second;
}

static void fibonacci(benchmark::State& state) {
    in_arena([&] { time_fib(state, deep(), fib); });
}
BENCHMARK(fibonacci)->Name(title)->UseRealTime();
BENCHMARK(fibonacci)->Name(title_joined)->UseRealTime();
