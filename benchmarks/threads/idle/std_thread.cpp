// SPDX-License-Identifier: MIT
#include "support/std_thread.hpp"
#include "threads/idle/workload.hpp"

using namespace benchmarks;

static void few_tasks(benchmark::State& state) {
    trickle(state, [](auto call) { return ThreadCall(call); });
}
BENCHMARK(few_tasks)->Name(title_trickle)->Iterations(1);
