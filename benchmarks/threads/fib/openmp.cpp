// SPDX-License-Identifier: MIT
//
// Results by reference, no futures; the submitter works, too.
#include "threads/fib/workload.hpp"

using namespace benchmarks;

static int fib(int n) {
    if (n < 2) return n;
    int first = 0;
#pragma omp task default(none) firstprivate(n) shared(first)
    first = fib(n - 1);
    const int second = fib(n - 2);
#pragma omp taskwait
    return first + second;
}

static void fibonacci(benchmark::State& state) {
#pragma omp parallel num_threads(workers + 1)
#pragma omp single
    time_fib(state, deep(), fib);
}
BENCHMARK(fibonacci)->Name(title)->UseRealTime();
BENCHMARK(fibonacci)->Name(title_joined)->UseRealTime();
