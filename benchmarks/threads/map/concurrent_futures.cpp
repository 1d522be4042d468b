// SPDX-License-Identifier: MIT
#include <concurrent/futures/thread_pool_executor.hpp>

#include "threads/map/workload.hpp"

using namespace benchmarks;
namespace cf = concurrent::futures;

static void map(benchmark::State& state, int chunksize) {
    cf::ThreadPoolExecutor pool({.max_workers = workers});
    time_map(state, many, [&](const std::vector<int>& inputs) {
        return pool.map({.chunksize = chunksize}, square, inputs);
    });
}
BENCHMARK_CAPTURE(map, single, 1)->Name(title_single)->UseRealTime();
BENCHMARK_CAPTURE(map, chunks, chunk)->Name(title_chunks)->UseRealTime();
BENCHMARK_CAPTURE(map, automatic, 0)->Name(title_automatic)->UseRealTime();
