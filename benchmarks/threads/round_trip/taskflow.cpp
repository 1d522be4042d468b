// SPDX-License-Identifier: MIT
#include "support/taskflow.hpp"
#include "threads/round_trip/workload.hpp"

using namespace benchmarks;

static void round_trip(benchmark::State& state) {
    tf::Executor executor(workers);
    time_calls(state, [&](int n) { return executor.async([n] { return call(n); }); });
}
BENCHMARK(round_trip)->Name(title)->UseRealTime();
