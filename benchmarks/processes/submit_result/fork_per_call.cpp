// SPDX-License-Identifier: MIT
//
// All children at once; each waits, as a zombie, until its result is read.
#include "processes/submit_result/workload.hpp"
#include "support/forked_child.hpp"

using namespace benchmarks;

static void submit_result(benchmark::State& state) {
    keep_then_read(state, few, [](int n) { return ForkedCall([n] { return call(n); }); });
}
BENCHMARK(submit_result)->Name(title)->UseRealTime();
