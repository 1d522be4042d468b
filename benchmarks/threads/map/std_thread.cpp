// SPDX-License-Identifier: MIT
#include <thread>

#include "threads/map/workload.hpp"

using namespace benchmarks;

static void map(benchmark::State& state, int items, int size) {
    time_map(state, items, [&](const std::vector<int>& inputs) {
        std::vector<std::thread> threads;
        return map_slices(
            inputs, size, [&](auto run) { threads.emplace_back(run); },
            [&] {
                for (std::thread& thread : threads) thread.join();
            });
    });
}
BENCHMARK_CAPTURE(map, single, few, 1)->Name(title_single)->UseRealTime();
BENCHMARK_CAPTURE(map, chunks, many, chunk)->Name(title_chunks)->UseRealTime();
