// SPDX-License-Identifier: MIT
#include <future>

#include "threads/submit_result/workload.hpp"

using namespace benchmarks;

static void submit_result(benchmark::State& state) {
    keep_then_read(state, few, [](int n) { return std::async(std::launch::async, call, n); });
}
BENCHMARK(submit_result)->Name(title)->UseRealTime();
