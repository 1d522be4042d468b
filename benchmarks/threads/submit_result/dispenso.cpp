// SPDX-License-Identifier: MIT
#include "support/dispenso.hpp"
#include "threads/submit_result/workload.hpp"

using namespace benchmarks;

static void submit_result(benchmark::State& state) {
    dispenso::ThreadPool pool(workers);
    keep_then_read(state, many, [&](int n) { return dispenso::async(pool, [n] { return call(n); }); });
}
BENCHMARK(submit_result)->Name(title)->UseRealTime();
