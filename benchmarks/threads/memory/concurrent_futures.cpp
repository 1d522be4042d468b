// SPDX-License-Identifier: MIT
#include <concurrent/futures/thread_pool_executor.hpp>

#include "threads/memory/workload.hpp"

using namespace benchmarks;
namespace cf = concurrent::futures;

static void steady(benchmark::State& state) {
    cf::ThreadPoolExecutor pool({.max_workers = workers});
    steady_state(state, waves, [&](int n) { return pool.submit([n] { return call(n); }); });
}
BENCHMARK(steady)->Name(title_steady)->Iterations(1);

static void kept(benchmark::State& state) {
    cf::ThreadPoolExecutor pool({.max_workers = workers});
    burst(state, many, [&](int n) { return pool.submit([n] { return call(n); }); });
}
BENCHMARK(kept)->Name(title_burst)->Iterations(1);
