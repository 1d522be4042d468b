// SPDX-License-Identifier: MIT
#include "support/taskflow.hpp"
#include "threads/memory/workload.hpp"

using namespace benchmarks;

static void steady(benchmark::State& state) {
    tf::Executor executor(workers);
    steady_state(state, waves, [&](int n) { return executor.async([n] { return call(n); }); });
}
BENCHMARK(steady)->Name(title_steady)->Iterations(1);

static void kept(benchmark::State& state) {
    tf::Executor executor(workers);
    burst(state, many, [&](int n) { return executor.async([n] { return call(n); }); });
}
BENCHMARK(kept)->Name(title_burst)->Iterations(1);
