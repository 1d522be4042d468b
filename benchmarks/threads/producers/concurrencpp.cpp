// SPDX-License-Identifier: MIT
#include "support/concurrencpp.hpp"
#include "threads/producers/workload.hpp"

using namespace benchmarks;

static void submit_result(benchmark::State& state) {
    ConcurrencppPool pool(workers);
    produce_results(state, many, [&](int n) { return pool->submit([n] { return call(n); }); });
}
BENCHMARK(submit_result)->Name(title_result)->UseRealTime();

static void post(benchmark::State& state) {
    ConcurrencppPool pool(workers);
    produce_posts(state, many, [&](auto task) { pool->post(task); });
}
BENCHMARK(post)->Name(title_post)->UseRealTime();
