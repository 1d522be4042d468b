// SPDX-License-Identifier: MIT
//
// What the loop itself costs: waking up every millisecond to do nothing.
#include "threads/idle/workload.hpp"

using namespace benchmarks;

static void no_tasks(benchmark::State& state) {
    int ticks = 0;
    for (auto _ : state) time_ticks(state, [&](int) { ++ticks; });
    check("ticks", ticks, window() / std::chrono::milliseconds(1));
}
BENCHMARK(no_tasks)->Name(title_trickle)->Iterations(1);
