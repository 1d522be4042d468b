// SPDX-License-Identifier: MIT
//
// Not the default, which is to run the task in the thread that waits for it.
#include "support/dispenso.hpp"
#include "threads/round_trip/workload.hpp"

using namespace benchmarks;

static void round_trip(benchmark::State& state) {
    dispenso::ThreadPool pool(workers);
    time_round_trips(state, [&](int n) { return dispenso::async(pool, on_worker, [n] { return call(n); }); });
}
BENCHMARK(round_trip)->Name(title)->UseRealTime();
