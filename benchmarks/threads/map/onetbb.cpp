// SPDX-License-Identifier: MIT
//
// simple_partitioner: exactly one task per slice; automatic: the default. The submitter works, too.
#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/partitioner.h>

#include "support/onetbb.hpp"
#include "threads/map/workload.hpp"

using namespace benchmarks;

static void map(benchmark::State& state, std::size_t size) {
    in_arena([&] {
        time_map(state, many, [&](const std::vector<int>& inputs) {
            std::vector<std::int64_t> results(inputs.size());
            tbb::parallel_for(
                tbb::blocked_range<std::size_t>(0, inputs.size(), size),
                [&](const auto& slice) {
                    for (auto i = slice.begin(); i != slice.end(); ++i)
                        results[i] = square(inputs[i]);
                },
                tbb::simple_partitioner());
            return results;
        });
    });
}
static void map_automatic(benchmark::State& state) {
    in_arena([&] {
        time_map(state, many, [](const std::vector<int>& inputs) {
            std::vector<std::int64_t> results(inputs.size());
            tbb::parallel_for(tbb::blocked_range<std::size_t>(0, inputs.size()),
                              [&](const auto& slice) {
                                  for (auto i = slice.begin(); i != slice.end(); ++i)
                                      results[i] = square(inputs[i]);
                              });
            return results;
        });
    });
}
BENCHMARK_CAPTURE(map, single, 1)->Name(title_single)->UseRealTime();
BENCHMARK_CAPTURE(map, chunks, chunk)->Name(title_chunks)->UseRealTime();
BENCHMARK(map_automatic)->Name(title_automatic)->UseRealTime();
