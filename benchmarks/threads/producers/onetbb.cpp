// SPDX-License-Identifier: MIT
//
// task_arena::enqueue: the producers are no members of the arena, only its workers run tasks.
#include "support/onetbb.hpp"
#include "threads/producers/workload.hpp"

using namespace benchmarks;

static void submit_result(benchmark::State& state) {
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, workers + 1);
    tbb::task_arena arena(workers, 0);
    produce_results(state, many, [&](int n) {
        return with_promise([&](auto task) { arena.enqueue(std::move(task)); },
                            [n] { return call(n); });
    });
}
BENCHMARK(submit_result)->Name(title_result)->UseRealTime();

static void post(benchmark::State& state) {
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, workers + 1);
    tbb::task_arena arena(workers, 0);
    produce_posts(state, many, [&](auto task) { arena.enqueue(task); });
}
BENCHMARK(post)->Name(title_post)->UseRealTime();
