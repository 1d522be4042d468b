// SPDX-License-Identifier: MIT
//
// Tasks without a future for the slices; automatic: for_each_index with its default, guided partitions.
#include <taskflow/algorithm/for_each.hpp>

#include "support/taskflow.hpp"
#include "threads/map/workload.hpp"

using namespace benchmarks;

static void map(benchmark::State& state, int size) {
    tf::Executor executor(workers);
    time_map(state, many, [&](const std::vector<int>& inputs) {
        return map_slices(
            inputs, size, [&](auto run) { executor.silent_async(run); }, [&] { executor.wait_for_all(); });
    });
}
static void map_automatic(benchmark::State& state) {
    tf::Executor executor(workers);
    time_map(state, many, [&](const std::vector<int>& inputs) {
        std::vector<std::int64_t> results(inputs.size());
        tf::Taskflow flow;
        flow.for_each_index(std::size_t{0}, inputs.size(), std::size_t{1},
                            [&](std::size_t i) { results[i] = square(inputs[i]); });
        executor.run(flow).wait();
        return results;
    });
}
BENCHMARK_CAPTURE(map, single, 1)->Name(title_single)->UseRealTime();
BENCHMARK_CAPTURE(map, chunks, chunk)->Name(title_chunks)->UseRealTime();
BENCHMARK(map_automatic)->Name(title_automatic)->UseRealTime();
