// SPDX-License-Identifier: MIT
#include <future>

#include "threads/map/workload.hpp"

using namespace benchmarks;

static void map(benchmark::State& state, int items, int size) {
    time_map(state, items, [&](const std::vector<int>& inputs) {
        std::vector<std::future<void>> futures;
        return map_slices(
            inputs, size, [&](auto run) { futures.push_back(std::async(std::launch::async, run)); },
            [&] {
                for (auto& future : futures) future.get();
            });
    });
}
BENCHMARK_CAPTURE(map, single, few, 1)->Name(title_single)->UseRealTime();
BENCHMARK_CAPTURE(map, chunks, many, chunk)->Name(title_chunks)->UseRealTime();
