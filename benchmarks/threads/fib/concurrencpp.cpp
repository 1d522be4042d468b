// SPDX-License-Identifier: MIT
//
// Coroutines: who waits for a result gives its worker back meanwhile.
#include "support/concurrencpp.hpp"
#include "threads/fib/workload.hpp"

using namespace benchmarks;
namespace cpp = concurrencpp;

static cpp::result<int> fib(cpp::executor_tag, cpp::thread_pool_executor& executor, int n) {
    if (n < 2) co_return n;
    cpp::result<int> first = fib({}, executor, n - 1);
    cpp::result<int> second = fib({}, executor, n - 2);
    const int sum = co_await second;
    co_return co_await first + sum;
}

static void fibonacci(benchmark::State& state) {
    ConcurrencppPool pool(workers);
    time_fib(state, deep(), [&](int n) { return fib({}, *pool, n).get(); });
}
BENCHMARK(fibonacci)->Name(title)->UseRealTime();
