// SPDX-License-Identifier: MIT
#include "support/concurrencpp.hpp"
#include "threads/submit_result/workload.hpp"

using namespace benchmarks;

static void submit_result(benchmark::State& state) {
    ConcurrencppPool pool(workers);
    keep_then_read(state, many, [&](int n) { return pool->submit([n] { return call(n); }); });
}
BENCHMARK(submit_result)->Name(title)->UseRealTime();
