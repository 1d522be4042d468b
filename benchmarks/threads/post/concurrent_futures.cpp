// SPDX-License-Identifier: MIT
#include <concurrent/futures/thread_pool_executor.hpp>

#include "threads/post/workload.hpp"

using namespace benchmarks;
namespace cf = concurrent::futures;

static void post(benchmark::State& state) {
    cf::ThreadPoolExecutor pool({.max_workers = workers});
    post_then_wait(state, many, [&](auto task) { pool.post(task); });
}
BENCHMARK(post)->Name(title)->UseRealTime();
