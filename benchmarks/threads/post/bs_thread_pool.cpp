// SPDX-License-Identifier: MIT
#include "support/bs_thread_pool.hpp"
#include "threads/post/workload.hpp"

using namespace benchmarks;

static void post(benchmark::State& state) {
    BsPool pool(workers);
    post_then_wait(
        state, many, [&](auto task) { pool.detach_task(task); }, [&] { pool.wait(); });
}
BENCHMARK(post)->Name(title)->UseRealTime();
