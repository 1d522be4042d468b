// SPDX-License-Identifier: MIT
#include "support/dispenso.hpp"
#include "threads/post/workload.hpp"

using namespace benchmarks;

static void post(benchmark::State& state) {
    dispenso::ThreadPool pool(workers);
    post_then_wait(state, many, [&](auto task) { pool.schedule(task); });
}
BENCHMARK(post)->Name(title)->UseRealTime();
