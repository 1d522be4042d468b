// SPDX-License-Identifier: MIT
#include <concurrent/futures/thread_pool_executor.hpp>

#include "threads/producers/workload.hpp"

using namespace benchmarks;
namespace cf = concurrent::futures;

static void submit_result(benchmark::State& state) {
    cf::ThreadPoolExecutor pool({.max_workers = workers});
    produce_results(state, many, [&](int n) { return pool.submit(call, n); });
}
BENCHMARK(submit_result)->Name(title_result)->UseRealTime();

static void post(benchmark::State& state) {
    cf::ThreadPoolExecutor pool({.max_workers = workers});
    produce_posts(state, many, [&](auto task) { pool.post(task); });
}
BENCHMARK(post)->Name(title_post)->UseRealTime();
