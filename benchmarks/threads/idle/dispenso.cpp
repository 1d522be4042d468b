// SPDX-License-Identifier: MIT
//
// Queued for the workers; the default lets the one who waits run a task.
#include "support/dispenso.hpp"
#include "threads/idle/workload.hpp"

using namespace benchmarks;

static void idle(benchmark::State& state) {
    dispenso::ThreadPool pool(workers);
    rest_after_work(state, [&](auto call) { return dispenso::async(pool, std::launch::async, call); });
}
BENCHMARK(idle)->Name(title_idle)->Iterations(1);

static void few_tasks(benchmark::State& state) {
    dispenso::ThreadPool pool(workers);
    trickle(state, [&](auto call) { return dispenso::async(pool, std::launch::async, call); });
}
BENCHMARK(few_tasks)->Name(title_trickle)->Iterations(1);
