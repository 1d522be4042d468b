// SPDX-License-Identifier: MIT
#include "support/taskflow.hpp"
#include "threads/construct/workload.hpp"

using namespace benchmarks;

static void construct(benchmark::State& state, std::size_t count) {
    time_construction(state, [=](int n) {
        tf::Executor executor(count);
        const int result = executor.async([n] { return call(n); }).get();
        return result;
    });
}
BENCHMARK_CAPTURE(construct, of_2, 2)->Name(title_of_2)->UseRealTime();
BENCHMARK_CAPTURE(construct, of_64, 64)->Name(title_of_64)->UseRealTime();
