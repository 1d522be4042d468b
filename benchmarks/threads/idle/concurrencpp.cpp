// SPDX-License-Identifier: MIT
#include "support/concurrencpp.hpp"
#include "threads/idle/workload.hpp"

using namespace benchmarks;

static void idle(benchmark::State& state) {
    ConcurrencppPool pool(workers);
    rest_after_work(state, [&](auto call) { return pool->submit(call); });
}
BENCHMARK(idle)->Name(title_idle)->Iterations(1);

static void few_tasks(benchmark::State& state) {
    ConcurrencppPool pool(workers);
    trickle(state, [&](auto call) { return pool->submit(call); });
}
BENCHMARK(few_tasks)->Name(title_trickle)->Iterations(1);
