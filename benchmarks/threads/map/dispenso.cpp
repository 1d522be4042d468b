// SPDX-License-Identifier: MIT
//
// A TaskSet: tasks without a future; automatic: parallel_for with its default, a part per thread. The submitter
// works, too.
#include "support/dispenso.hpp"
#include "threads/map/workload.hpp"

using namespace benchmarks;

static void map(benchmark::State& state, int size) {
    dispenso::ThreadPool pool(workers);
    time_map(state, many, [&](const std::vector<int>& inputs) {
        dispenso::TaskSet tasks(pool);
        return map_slices(
            inputs, size, [&](auto run) { tasks.schedule(run); }, [&] { tasks.wait(); });
    });
}
static void map_automatic(benchmark::State& state) {
    dispenso::ThreadPool pool(workers);
    time_map(state, many, [&](const std::vector<int>& inputs) {
        std::vector<std::int64_t> results(inputs.size());
        dispenso::TaskSet tasks(pool);
        dispenso::parallel_for(
            tasks, dispenso::makeChunkedRange(std::size_t{0}, inputs.size()),
            [&](std::size_t begin, std::size_t end) {
                for (std::size_t i = begin; i != end; ++i) results[i] = square(inputs[i]);
            });
        return results;
    });
}
BENCHMARK_CAPTURE(map, single, 1)->Name(title_single)->UseRealTime();
BENCHMARK_CAPTURE(map, chunks, chunk)->Name(title_chunks)->UseRealTime();
BENCHMARK(map_automatic)->Name(title_automatic)->UseRealTime();
