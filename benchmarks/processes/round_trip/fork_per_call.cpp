// SPDX-License-Identifier: MIT
#include "processes/round_trip/workload.hpp"
#include "support/forked_child.hpp"

using namespace benchmarks;

static void round_trip(benchmark::State& state) {
    time_round_trips(state, [](int n) { return ForkedCall([n] { return call(n); }); });
}
BENCHMARK(round_trip)->Name(title)->UseRealTime();
