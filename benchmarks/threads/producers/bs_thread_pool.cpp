// SPDX-License-Identifier: MIT
#include "support/bs_thread_pool.hpp"
#include "threads/producers/workload.hpp"

using namespace benchmarks;

static void submit_result(benchmark::State& state) {
    BsPool pool(workers);
    produce_results(state, many, [&](int n) { return pool.submit_task([n] { return call(n); }); });
}
BENCHMARK(submit_result)->Name(title_result)->UseRealTime();

static void post(benchmark::State& state) {
    BsPool pool(workers);
    produce_posts(state, many, [&](auto task) { pool.detach_task(task); });
}
BENCHMARK(post)->Name(title_post)->UseRealTime();
