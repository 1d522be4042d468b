// SPDX-License-Identifier: MIT
#include "support/bs_thread_pool.hpp"
#include "threads/idle/workload.hpp"

using namespace benchmarks;

static void idle(benchmark::State& state) {
    BsPool pool(workers);
    rest_after_work(state, [&](auto call) { return pool.submit_task(call); });
}
BENCHMARK(idle)->Name(title_idle)->Iterations(1);

static void few_tasks(benchmark::State& state) {
    BsPool pool(workers);
    trickle(state, [&](auto call) { return pool.submit_task(call); });
}
BENCHMARK(few_tasks)->Name(title_trickle)->Iterations(1);
