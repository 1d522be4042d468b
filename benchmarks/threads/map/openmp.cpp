// SPDX-License-Identifier: MIT
//
// A dynamic schedule: slices are taken from a counter, no tasks are made. The submitter works, too.
#include "threads/map/workload.hpp"

using namespace benchmarks;

static void map(benchmark::State& state, int size) {
    time_map(state, many, [&](const std::vector<int>& inputs) {
        std::vector<std::int64_t> results(inputs.size());
#pragma omp parallel for num_threads(workers + 1) schedule(dynamic, size)
        for (std::size_t i = 0; i < inputs.size(); ++i) results[i] = square(inputs[i]);
        return results;
    });
}
static void map_guided(benchmark::State& state) {
    time_map(state, many, [](const std::vector<int>& inputs) {
        std::vector<std::int64_t> results(inputs.size());
#pragma omp parallel for num_threads(workers + 1) schedule(guided)
        for (std::size_t i = 0; i < inputs.size(); ++i) results[i] = square(inputs[i]);
        return results;
    });
}
BENCHMARK_CAPTURE(map, single, 1)->Name(title_single)->UseRealTime();
BENCHMARK_CAPTURE(map, chunks, chunk)->Name(title_chunks)->UseRealTime();
BENCHMARK(map_guided)->Name(title_automatic)->UseRealTime();
