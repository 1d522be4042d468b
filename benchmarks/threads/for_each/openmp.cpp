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

static void task_each(benchmark::State& state) {
    time_task_each(state, [](auto task, auto& items) {
#pragma omp parallel num_threads(loop_threads)
#pragma omp single
        for (auto& item : items) {
            auto* const one = &item;
#pragma omp task default(none) firstprivate(task, one)
            task(*one);
        }
    });
}
BENCHMARK(task_each)->Name(title_task_each)->UseManualTime();
