// SPDX-License-Identifier: MIT
#include "support/concurrencpp.hpp"
#include "threads/round_trip/workload.hpp"

using namespace benchmarks;

static void round_trip(benchmark::State& state) {
    ConcurrencppPool pool(workers);
    time_calls(state, [&](int n) { return pool->submit([n] { return call(n); }); });
}
BENCHMARK(round_trip)->Name(title)->UseRealTime();
