// SPDX-License-Identifier: MIT
//
// guided: the schedule for loops of which nothing is known.
#include "threads/for_each/workload.hpp"

using namespace benchmarks;

static void for_each(benchmark::State& state, int row) {
    time_row(state, row, [](auto& elements, auto f) {
        const std::size_t size = elements.size();
#pragma omp parallel for num_threads(loop_threads) schedule(guided)
        for (std::size_t i = 0; i < size; ++i) f(elements[i]);
    });
}
FOR_EACH_ROWS(for_each);
