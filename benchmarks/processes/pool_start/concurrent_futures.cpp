// SPDX-License-Identifier: MIT
#include <concurrent/futures/process_pool_executor.hpp>

#include "processes/pool_start/workload.hpp"

using namespace benchmarks;
namespace cf = concurrent::futures;

static void start(benchmark::State& state, cf::StartMethod method) {
    time_start(
        state,
        [=] {
            return std::make_unique<cf::ProcessPoolExecutor>(
                cf::ProcessPoolOptions{.max_workers = workers, .start_method = method});
        },
        [](auto& pool, int n) { return pool->submit(call, n).result(); });
}
static void start_from_large(benchmark::State& state, cf::StartMethod method) {
    be_large();
    start(state, method);
}
BENCHMARK_CAPTURE(start, fork, cf::StartMethod::fork)->Name(title_fork)->UseRealTime();
BENCHMARK_CAPTURE(start, spawn, cf::StartMethod::spawn)->Name(title_spawn)->UseRealTime();
BENCHMARK_CAPTURE(start_from_large, fork, cf::StartMethod::fork)->Name(title_fork_from_large)->UseRealTime();
BENCHMARK_CAPTURE(start_from_large, spawn, cf::StartMethod::spawn)->Name(title_spawn_from_large)->UseRealTime();
