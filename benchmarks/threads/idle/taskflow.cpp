// SPDX-License-Identifier: MIT
#include "support/taskflow.hpp"
#include "threads/idle/workload.hpp"

using namespace benchmarks;

static void idle(benchmark::State& state) {
    tf::Executor executor(workers);
    rest_after_work(state, [&](auto call) { return executor.async(call); });
}
BENCHMARK(idle)->Name(title_idle)->Iterations(1);

static void few_tasks(benchmark::State& state) {
    tf::Executor executor(workers);
    trickle(state, [&](auto call) { return executor.async(call); });
}
BENCHMARK(few_tasks)->Name(title_trickle)->Iterations(1);
