// SPDX-License-Identifier: MIT
#include "support/std_thread.hpp"
#include "threads/round_trip/workload.hpp"

using namespace benchmarks;

static void round_trip(benchmark::State& state) {
    time_calls(state, [](int n) { return ThreadCall([n] { return call(n); }); });
}
BENCHMARK(round_trip)->Name(title)->UseRealTime();
