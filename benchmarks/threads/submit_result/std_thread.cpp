// SPDX-License-Identifier: MIT
#include "support/std_thread.hpp"
#include "threads/submit_result/workload.hpp"

using namespace benchmarks;

static void submit_result(benchmark::State& state) {
    keep_then_read(state, few, [](int n) { return ThreadCall([n] { return call(n); }); });
}
BENCHMARK(submit_result)->Name(title)->UseRealTime();
