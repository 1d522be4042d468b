// SPDX-License-Identifier: MIT
#include "support/concurrencpp.hpp"
#include "threads/map/workload.hpp"

using namespace benchmarks;

static void map(benchmark::State& state, int size) {
    ConcurrencppPool pool(workers);
    time_map(state, many, [&](const std::vector<int>& inputs) {
        std::vector<concurrencpp::result<void>> results;
        return map_slices(
            inputs, size, [&](auto run) { results.push_back(pool->submit(run)); },
            [&] {
                for (auto& result : results) result.get();
            });
    });
}
BENCHMARK_CAPTURE(map, single, 1)->Name(title_single)->UseRealTime();
BENCHMARK_CAPTURE(map, chunks, chunk)->Name(title_chunks)->UseRealTime();
