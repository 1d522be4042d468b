// SPDX-License-Identifier: MIT
#include <concurrent/futures/process_pool_executor.hpp>

#include "processes/span_argument/workload.hpp"

using namespace benchmarks;
namespace cf = concurrent::futures;

static void read_span(benchmark::State& state) {
    cf::ProcessPoolExecutor pool({.max_workers = workers});
    time_span(state, [&](const Numbers& numbers) { return pool.submit(sum_of_pages, numbers).result(); });
}
BENCHMARK(read_span)->Name(title)->UseRealTime();
