// SPDX-License-Identifier: MIT
#include "support/bs_thread_pool.hpp"
#include "threads/submit_result/workload.hpp"

using namespace benchmarks;

static void submit_result(benchmark::State& state) {
    BsPool pool(workers);
    keep_then_read(state, many, [&](int n) { return pool.submit_task([n] { return call(n); }); });
}
BENCHMARK(submit_result)->Name(title)->UseRealTime();
