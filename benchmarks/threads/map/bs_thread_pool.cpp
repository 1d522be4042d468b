// SPDX-License-Identifier: MIT
//
// Tasks without a future for the slices; automatic: detach_loop, a block per worker.
#include "support/bs_thread_pool.hpp"
#include "threads/map/workload.hpp"

using namespace benchmarks;

static void map(benchmark::State& state, int size) {
    BsPool pool(workers);
    time_map(state, many, [&](const std::vector<int>& inputs) {
        return map_slices(
            inputs, size, [&](auto run) { pool.detach_task(run); }, [&] { pool.wait(); });
    });
}
static void map_automatic(benchmark::State& state) {
    BsPool pool(workers);
    time_map(state, many, [&](const std::vector<int>& inputs) {
        std::vector<std::int64_t> results(inputs.size());
        pool.detach_loop(std::size_t{0}, inputs.size(),
                         [&](std::size_t i) { results[i] = square(inputs[i]); });
        pool.wait();
        return results;
    });
}
BENCHMARK_CAPTURE(map, single, 1)->Name(title_single)->UseRealTime();
BENCHMARK_CAPTURE(map, chunks, chunk)->Name(title_chunks)->UseRealTime();
BENCHMARK(map_automatic)->Name(title_automatic)->UseRealTime();
