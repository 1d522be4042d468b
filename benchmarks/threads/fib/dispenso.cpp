// SPDX-License-Identifier: MIT
//
// With futures; and with a TaskSet, where results go by reference. The submitter works, too.
#include "support/dispenso.hpp"
#include "threads/fib/workload.hpp"

using namespace benchmarks;

static int fib(dispenso::ThreadPool& pool, int n) {
    if (n < 2) return n;
    dispenso::Future<int> first = dispenso::async(pool, [&pool, n] { return fib(pool, n - 1); });
    const int second = fib(pool, n - 2);
    return first.get() + second;
}
static void fibonacci(benchmark::State& state) {
    dispenso::ThreadPool pool(workers);
    time_fib(state, deep(), [&](int n) { return fib(pool, n); });
}
BENCHMARK(fibonacci)->Name(title)->UseRealTime();

static int joined_fib(dispenso::ThreadPool& pool, int n) {
    if (n < 2) return n;
    int first = 0;
    dispenso::TaskSet tasks(pool);
    tasks.schedule([&pool, &first, n] { first = joined_fib(pool, n - 1); });
    const int second = joined_fib(pool, n - 2);
    tasks.wait();
    return first + second;
}
static void joined_fibonacci(benchmark::State& state) {
    dispenso::ThreadPool pool(workers);
    time_fib(state, deep(), [&](int n) { return joined_fib(pool, n); });
}
BENCHMARK(joined_fibonacci)->Name(title_joined)->UseRealTime();
