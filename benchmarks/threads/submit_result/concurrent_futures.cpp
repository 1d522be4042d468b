// SPDX-License-Identifier: MIT
#include <concurrent/futures/thread_pool_executor.hpp>

#include "threads/submit_result/workload.hpp"

using namespace benchmarks;
namespace cf = concurrent::futures;

static void submit_result(benchmark::State& state) {
    cf::ThreadPoolExecutor pool({.max_workers = workers});
    keep_then_read(state, many, [&](int n) { return pool.submit(call, n); });
}
BENCHMARK(submit_result)->Name(title)->UseRealTime();
