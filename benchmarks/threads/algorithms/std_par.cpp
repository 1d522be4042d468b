// SPDX-License-Identifier: MIT
//
// The algorithms of std with std::execution::par: libstdc++ has them on oneTBB.
#include <algorithm>
#include <execution>
#include <numeric>

#include <oneapi/tbb/global_control.h>

#include "threads/algorithms/workload.hpp"

using namespace benchmarks;

namespace {

const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, algorithm_threads);

void reduce(benchmark::State& state, int count) {
    time_reduce(state, count, [](const auto& numbers) {
        return std::reduce(std::execution::par, numbers.begin(), numbers.end());
    });
}
void scan(benchmark::State& state, int count) {
    time_scan(state, count, [](const auto& numbers, auto& results) {
        std::inclusive_scan(std::execution::par, numbers.begin(), numbers.end(), results.begin());
    });
}
void sort(benchmark::State& state, int count) {
    time_sort(state, count, [](auto& numbers) { std::sort(std::execution::par, numbers.begin(), numbers.end()); });
}
void find(benchmark::State& state, int count) {
    time_find(state, count, [](const auto& numbers, auto matches) {
        return static_cast<std::size_t>(
            std::find_if(std::execution::par, numbers.begin(), numbers.end(), matches) - numbers.begin());
    });
}

}  // namespace

ALGORITHM_ROWS(reduce, scan, sort, find);
