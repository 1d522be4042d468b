// SPDX-License-Identifier: MIT
//
// The floor: one memcpy into memory that is there already, and the same reading, without a process.
#include <cstring>

#include "processes/span_argument/workload.hpp"

using namespace benchmarks;

static void read_span(benchmark::State& state) {
    Numbers warm;
    time_span(state, [&](const Numbers& numbers) {
        if (warm.size() != numbers.size()) warm.resize(numbers.size());
        std::memcpy(warm.data(), numbers.data(), numbers.size() * sizeof(double));
        benchmark::ClobberMemory();
        return sum_of_pages(warm);
    });
}
BENCHMARK(read_span)->Name(title)->UseRealTime();
