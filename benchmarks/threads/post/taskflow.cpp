// SPDX-License-Identifier: MIT
#include "support/taskflow.hpp"
#include "threads/post/workload.hpp"

using namespace benchmarks;

static void post(benchmark::State& state) {
    tf::Executor executor(workers);
    post_then_wait(
        state, many, [&](auto task) { executor.silent_async(task); }, [&] { executor.wait_for_all(); });
}
BENCHMARK(post)->Name(title)->UseRealTime();
