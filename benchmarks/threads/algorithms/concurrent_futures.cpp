// SPDX-License-Identifier: MIT
#include <concurrent/futures/algorithm.hpp>
#include <concurrent/futures/find.hpp>
#include <concurrent/futures/scan.hpp>
#include <concurrent/futures/sort.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>

#include "threads/algorithms/workload.hpp"

using namespace benchmarks;
namespace cf = concurrent::futures;

static void reduce(benchmark::State& state, int count) {
    cf::ThreadPoolExecutor pool({.max_workers = algorithm_threads});
    time_reduce(state, count, [&](const auto& numbers) { return cf::reduce(pool, numbers); });
}
static void scan(benchmark::State& state, int count) {
    cf::ThreadPoolExecutor pool({.max_workers = algorithm_threads});
    time_scan(state, count,
              [&](const auto& numbers, auto& results) { cf::inclusive_scan(pool, numbers, results.begin()); });
}
static void sort(benchmark::State& state, int count) {
    cf::ThreadPoolExecutor pool({.max_workers = algorithm_threads});
    time_sort(state, count, [&](auto& numbers) { cf::sort(pool, numbers); });
}
static void find(benchmark::State& state, int count) {
    cf::ThreadPoolExecutor pool({.max_workers = algorithm_threads});
    time_find(state, count, [&](const auto& numbers, auto matches) {
        return static_cast<std::size_t>(cf::find_if(pool, numbers, matches) - numbers.begin());
    });
}
ALGORITHM_ROWS(reduce, scan, sort, find);
