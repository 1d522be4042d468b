// SPDX-License-Identifier: MIT
//
// parallel_reduce, parallel_scan, parallel_sort. A search is parallel_for with a cancellation, as the manual has it; it
// keeps the first match.
#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/parallel_reduce.h>
#include <oneapi/tbb/parallel_scan.h>
#include <oneapi/tbb/parallel_sort.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/version.h>

#include <atomic>

#include "threads/algorithms/workload.hpp"

using namespace benchmarks;
using Range = tbb::blocked_range<std::size_t>;

namespace {

const bool is_named = [] {
    benchmark::AddCustomContext("library", "oneTBB " TBB_VERSION_STRING);
    return true;
}();

template <class Body>
void in_arena_of_two(Body body) {
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, algorithm_threads);
    tbb::task_arena arena(algorithm_threads, 1);
    arena.execute(body);
}

void reduce(benchmark::State& state, int count) {
    in_arena_of_two([&] {
        time_reduce(state, count, [](const auto& numbers) {
            return tbb::parallel_reduce(
                Range(0, numbers.size()), 0.0,
                [&](const Range& range, double sum) {
                    for (auto i = range.begin(); i != range.end(); ++i) sum += numbers[i];
                    return sum;
                },
                std::plus<>());
        });
    });
}
void scan(benchmark::State& state, int count) {
    in_arena_of_two([&] {
        time_scan(state, count, [](const auto& numbers, auto& results) {
            tbb::parallel_scan(
                Range(0, numbers.size()), std::int64_t{0},
                [&](const Range& range, std::int64_t sum, bool is_final) {
                    for (auto i = range.begin(); i != range.end(); ++i) {
                        sum += numbers[i];
                        if (is_final) results[i] = sum;
                    }
                    return sum;
                },
                std::plus<>());
        });
    });
}
void sort(benchmark::State& state, int count) {
    in_arena_of_two([&] {
        time_sort(state, count, [](auto& numbers) { tbb::parallel_sort(numbers.begin(), numbers.end()); });
    });
}
void find(benchmark::State& state, int count) {
    in_arena_of_two([&] {
        time_find(state, count, [](const auto& numbers, auto matches) {
            std::atomic<std::size_t> best{numbers.size()};
            tbb::parallel_for(Range(0, numbers.size()), [&](const Range& range) {
                if (range.begin() >= best.load(std::memory_order_relaxed)) return;
                for (auto i = range.begin(); i != range.end(); ++i) {
                    if (!matches(numbers[i])) continue;
                    std::size_t seen = best.load(std::memory_order_relaxed);
                    while (i < seen && !best.compare_exchange_weak(seen, i)) {
                    }
                    return;
                }
            });
            return best.load();
        });
    });
}

}  // namespace

ALGORITHM_ROWS(reduce, scan, sort, find);
