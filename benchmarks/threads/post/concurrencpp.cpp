// SPDX-License-Identifier: MIT
#include "support/concurrencpp.hpp"
#include "threads/post/workload.hpp"

using namespace benchmarks;

static void post(benchmark::State& state) {
    ConcurrencppPool pool(workers);
    post_then_wait(state, many, [&](auto task) { pool->post(task); });
}
BENCHMARK(post)->Name(title)->UseRealTime();
