// SPDX-License-Identifier: MIT
//
// The argument costs nothing here but the fork: the child has it by copy-on-write.
#include "processes/span_argument/workload.hpp"
#include "support/forked_child.hpp"

using namespace benchmarks;

static void read_span(benchmark::State& state) {
    time_span(state, [](const Numbers& numbers) { return ForkedCall([&] { return sum_of_pages(numbers); }).get(); });
}
BENCHMARK(read_span)->Name(title)->UseRealTime();
