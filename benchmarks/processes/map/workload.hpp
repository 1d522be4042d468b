// SPDX-License-Identifier: MIT
//
// Squares of 1e5 numbers, results in the order of the input: one task per item, one task per 100 items,
// and as the library itself chooses. Timed: from the call to the last result read. Not timed: starting the pool and its workers.
#pragma once

#include <numeric>

#include "support/workload.hpp"

namespace benchmarks {

inline constexpr const char* title_single = "map, a task per item";
inline constexpr const char* title_chunks = "map, chunks of 100";
inline constexpr const char* title_automatic = "map, automatic chunks";
inline constexpr int many = 100'000;
inline constexpr int few = 200;  // where every task is a process
inline constexpr int chunk = 100;

inline std::int64_t square(int n) { return std::int64_t{n} * n; }

/// `map(inputs)` gives a range of the results.
template <class Map>
void time_map(benchmark::State& state, int items, Map map) {
    const int count_of_items = scaled(items);
    std::vector<int> inputs(static_cast<std::size_t>(count_of_items));
    std::iota(inputs.begin(), inputs.end(), 0);
    time_batches(state, count_of_items, [&](int) {
        std::int64_t n = 0;
        std::int64_t wrong = 0;
        for (const std::int64_t result : map(inputs)) {
            wrong += result != n * n;
            ++n;
        }
        check("number of results", n, std::int64_t{count_of_items});
        check("number of wrong results", wrong, 0);
    });
}

}  // namespace benchmarks
