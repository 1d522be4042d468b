// SPDX-License-Identifier: MIT
#include <concurrent/futures/thread_pool_executor.hpp>

#include "threads/round_trip/workload.hpp"

using namespace benchmarks;
namespace cf = concurrent::futures;

static void round_trip(benchmark::State& state) {
    cf::ThreadPoolExecutor pool({.max_workers = workers});
    time_calls(state, [&](int n) { return pool.submit(call, n); });
}
BENCHMARK(round_trip)->Name(title)->UseRealTime();
