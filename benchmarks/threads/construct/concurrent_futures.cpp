// SPDX-License-Identifier: MIT
#include <concurrent/futures/thread_pool_executor.hpp>

#include "threads/construct/workload.hpp"

using namespace benchmarks;
namespace cf = concurrent::futures;

static void construct(benchmark::State& state, int count) {
    time_construction(state, [=](int n) {
        cf::ThreadPoolExecutor pool({.max_workers = count});
        return pool.submit(call, n).result();
    });
}
BENCHMARK_CAPTURE(construct, of_2, 2)->Name(title_of_2)->UseRealTime();
BENCHMARK_CAPTURE(construct, of_64, 64)->Name(title_of_64)->UseRealTime();
