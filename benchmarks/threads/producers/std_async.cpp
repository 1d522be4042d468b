// SPDX-License-Identifier: MIT
//
// No post: the futures of std::async have to be kept, which is the other row.
#include <future>

#include "threads/producers/workload.hpp"

using namespace benchmarks;

static void submit_result(benchmark::State& state) {
    produce_results(state, few, [](int n) { return std::async(std::launch::async, call, n); });
}
BENCHMARK(submit_result)->Name(title_result)->UseRealTime();
