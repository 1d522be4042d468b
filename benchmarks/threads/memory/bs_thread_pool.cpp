// SPDX-License-Identifier: MIT
#include "support/bs_thread_pool.hpp"
#include "threads/memory/workload.hpp"

using namespace benchmarks;

static void steady(benchmark::State& state) {
    BsPool pool(workers);
    steady_state(state, waves, [&](int n) { return pool.submit_task([n] { return call(n); }); });
}
BENCHMARK(steady)->Name(title_steady)->Iterations(1);

static void kept(benchmark::State& state) {
    BsPool pool(workers);
    burst(state, many, [&](int n) { return pool.submit_task([n] { return call(n); }); });
}
BENCHMARK(kept)->Name(title_burst)->Iterations(1);
