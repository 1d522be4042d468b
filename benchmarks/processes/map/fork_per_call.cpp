// SPDX-License-Identifier: MIT
//
// A child per slice, as many at once as there are workers elsewhere.
#include <array>
#include <deque>

#include "processes/map/workload.hpp"
#include "support/forked_child.hpp"

using namespace benchmarks;

using Slice = std::array<std::int64_t, chunk>;

static void map(benchmark::State& state, int items, int size) {
    time_map(state, items, [&](const std::vector<int>& inputs) {
        std::vector<std::int64_t> results;
        std::deque<ForkedCall<Slice>> running;
        const auto read_oldest = [&] {
            const Slice slice = std::move(running.front()).get();
            running.pop_front();
            for (int i = 0; i < size && results.size() < inputs.size(); ++i)
                results.push_back(slice[static_cast<std::size_t>(i)]);
        };
        for (int begin = 0; begin < static_cast<int>(inputs.size()); begin += size) {
            if (running.size() == workers) read_oldest();
            running.emplace_back([&inputs, begin, size] {
                Slice slice{};
                for (int i = 0; i < size && begin + i < static_cast<int>(inputs.size()); ++i)
                    slice[static_cast<std::size_t>(i)] =
                        square(inputs[static_cast<std::size_t>(begin + i)]);
                return slice;
            });
        }
        while (!running.empty()) read_oldest();
        return results;
    });
}
BENCHMARK_CAPTURE(map, single, few, 1)->Name(title_single)->UseRealTime();
BENCHMARK_CAPTURE(map, chunks, few* chunk, chunk)->Name(title_chunks)->UseRealTime();
