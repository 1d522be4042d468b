// SPDX-License-Identifier: MIT
#include "support/std_thread.hpp"
#include "threads/fib/workload.hpp"

using namespace benchmarks;

static int fib(int n) {
    if (n < 2) return n;
    ThreadCall first([n] { return fib(n - 1); });
    const int second = fib(n - 2);
    return std::move(first).get() + second;
}

static void fibonacci(benchmark::State& state) { time_fib(state, shallow(), fib); }
BENCHMARK(fibonacci)->Name(title)->UseRealTime();
