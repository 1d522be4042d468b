// SPDX-License-Identifier: MIT
#include <concurrent/futures/algorithm.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>

#include "threads/for_each/workload.hpp"

using namespace benchmarks;
namespace cf = concurrent::futures;

static void for_each(benchmark::State& state, int row) {
    cf::ThreadPoolExecutor pool({.max_workers = loop_threads});
    time_row(state, row, [&](auto& elements, auto f) { cf::for_each(pool, elements, f); });
}
FOR_EACH_ROWS(for_each);
