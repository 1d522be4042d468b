// SPDX-License-Identifier: MIT
#include "support/taskflow.hpp"
#include "threads/producers/workload.hpp"

using namespace benchmarks;

static void submit_result(benchmark::State& state) {
    tf::Executor executor(workers);
    produce_results(state, many, [&](int n) { return executor.async([n] { return call(n); }); });
}
BENCHMARK(submit_result)->Name(title_result)->UseRealTime();

static void post(benchmark::State& state) {
    tf::Executor executor(workers);
    produce_posts(state, many, [&](auto task) { executor.silent_async(task); });
}
BENCHMARK(post)->Name(title_post)->UseRealTime();
