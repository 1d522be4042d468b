// SPDX-License-Identifier: MIT
#include "support/bs_thread_pool.hpp"
#include "threads/round_trip/workload.hpp"

using namespace benchmarks;

static void round_trip(benchmark::State& state) {
    BsPool pool(workers);
    time_calls(state, [&](int n) { return pool.submit_task([n] { return call(n); }); });
}
BENCHMARK(round_trip)->Name(title)->UseRealTime();
