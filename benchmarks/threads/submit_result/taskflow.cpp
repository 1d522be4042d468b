// SPDX-License-Identifier: MIT
#include "support/taskflow.hpp"
#include "threads/submit_result/workload.hpp"

using namespace benchmarks;

static void submit_result(benchmark::State& state) {
    tf::Executor executor(workers);
    keep_then_read(state, many, [&](int n) { return executor.async([n] { return call(n); }); });
}
BENCHMARK(submit_result)->Name(title)->UseRealTime();
