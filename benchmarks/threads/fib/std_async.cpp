// SPDX-License-Identifier: MIT
#include <future>

#include "threads/fib/workload.hpp"

using namespace benchmarks;

static int fib(int n) {
    if (n < 2) return n;
    std::future<int> first = std::async(std::launch::async, fib, n - 1);
    const int second = fib(n - 2);
    return first.get() + second;
}

static void fibonacci(benchmark::State& state) { time_fib(state, shallow(), fib); }
BENCHMARK(fibonacci)->Name(title)->UseRealTime();
