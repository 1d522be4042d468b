// SPDX-License-Identifier: MIT
#include <concurrent/futures/algorithm.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>

#include "threads/fib/workload.hpp"

using namespace benchmarks;
namespace cf = concurrent::futures;

static int fib(cf::ThreadPoolExecutor& pool, int n) {
    if (n < 2) return n;
    cf::Future<int> first = pool.submit([&pool, n] { return fib(pool, n - 1); });
    const int second = fib(pool, n - 2);
    return std::move(first).result() + second;
}

static void fibonacci(benchmark::State& state) {
    cf::ThreadPoolExecutor pool({.max_workers = workers});
    time_fib(state, deep(), [&](int n) {
        return pool.submit([&pool, n] { return fib(pool, n); }).result();
    });
}
BENCHMARK(fibonacci)->Name(title)->UseRealTime();

static int joined_fib(cf::ThreadPoolExecutor& pool, int n) {
    if (n < 2) return n;
    int first = 0, second = 0;
    cf::parallel_invoke(
        pool, [&] { second = joined_fib(pool, n - 2); }, [&] { first = joined_fib(pool, n - 1); });
    return first + second;
}

static void joined_fibonacci(benchmark::State& state) {
    cf::ThreadPoolExecutor pool({.max_workers = workers});
    time_fib(state, deep(), [&](int n) {
        return pool.submit([&pool, n] { return joined_fib(pool, n); }).result();
    });
}
BENCHMARK(joined_fibonacci)->Name(title_joined)->UseRealTime();
