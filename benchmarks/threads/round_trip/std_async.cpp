// SPDX-License-Identifier: MIT
#include <future>

#include "threads/round_trip/workload.hpp"

using namespace benchmarks;

static void round_trip(benchmark::State& state) {
    time_calls(state, [](int n) { return std::async(std::launch::async, call, n); });
}
BENCHMARK(round_trip)->Name(title)->UseRealTime();
