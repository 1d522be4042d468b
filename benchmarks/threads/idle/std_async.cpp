// SPDX-License-Identifier: MIT
#include <future>

#include "threads/idle/workload.hpp"

using namespace benchmarks;

static void few_tasks(benchmark::State& state) {
    trickle(state, [](auto call) { return std::async(std::launch::async, call); });
}
BENCHMARK(few_tasks)->Name(title_trickle)->Iterations(1);
