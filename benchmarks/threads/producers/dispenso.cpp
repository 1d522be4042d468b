// SPDX-License-Identifier: MIT
#include "support/dispenso.hpp"
#include "threads/producers/workload.hpp"

using namespace benchmarks;

static void submit_result(benchmark::State& state) {
    dispenso::ThreadPool pool(workers);
    produce_results(state, many, [&](int n) { return dispenso::async(pool, [n] { return call(n); }); });
}
BENCHMARK(submit_result)->Name(title_result)->UseRealTime();

static void post(benchmark::State& state) {
    dispenso::ThreadPool pool(workers);
    produce_posts(state, many, [&](auto task) { pool.schedule(task); });
}
BENCHMARK(post)->Name(title_post)->UseRealTime();
