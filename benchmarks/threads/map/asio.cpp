// SPDX-License-Identifier: MIT
#include "support/asio.hpp"
#include "threads/map/workload.hpp"

using namespace benchmarks;

static void map(benchmark::State& state, int size) {
    asio::thread_pool pool(workers);
    time_map(state, many, [&](const std::vector<int>& inputs) {
        std::vector<std::future<void>> futures;
        return map_slices(
            inputs, size,
            [&](auto run) { futures.push_back(asio::post(pool, asio::use_future(run))); },
            [&] {
                for (auto& future : futures) future.get();
            });
    });
    pool.join();
}
BENCHMARK_CAPTURE(map, single, 1)->Name(title_single)->UseRealTime();
BENCHMARK_CAPTURE(map, chunks, chunk)->Name(title_chunks)->UseRealTime();
