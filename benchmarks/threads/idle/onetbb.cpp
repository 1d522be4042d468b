// SPDX-License-Identifier: MIT
//
// task_arena::enqueue: the submitter sleeps most of the time, only workers run tasks.
#include "support/onetbb.hpp"
#include "threads/idle/workload.hpp"

using namespace benchmarks;

template <class Body>
static void with_enqueue(Body body) {
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, workers + 1);
    tbb::task_arena arena(workers, 0);
    body([&arena](auto call) {
        return with_promise([&](auto task) { arena.enqueue(std::move(task)); }, call);
    });
}

static void idle(benchmark::State& state) {
    with_enqueue([&](auto submit) { rest_after_work(state, submit); });
}
BENCHMARK(idle)->Name(title_idle)->Iterations(1);

static void few_tasks(benchmark::State& state) {
    with_enqueue([&](auto submit) { trickle(state, submit); });
}
BENCHMARK(few_tasks)->Name(title_trickle)->Iterations(1);
