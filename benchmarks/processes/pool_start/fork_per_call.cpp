// SPDX-License-Identifier: MIT
//
// One child instead of a pool of two, and its end is included: the wait for it is part of the call.
#include "processes/pool_start/workload.hpp"
#include "support/forked_child.hpp"

using namespace benchmarks;

static void start(benchmark::State& state) {
    time_start(
        state, [] { return 0; },
        [](int, int n) { return ForkedCall([n] { return call(n); }).get(); });
}
static void start_from_large(benchmark::State& state) {
    be_large();
    start(state);
}
BENCHMARK(start)->Name(title_fork)->UseRealTime();
BENCHMARK(start_from_large)->Name(title_fork_from_large)->UseRealTime();
