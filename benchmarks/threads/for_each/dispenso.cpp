// SPDX-License-Identifier: MIT
//
// parallel_for with automatic chunks, and a task each in a TaskSet, with one worker less, since the caller works,
// too.
#include "support/dispenso.hpp"
#include "threads/for_each/workload.hpp"

using namespace benchmarks;

static void for_each(benchmark::State& state, int row) {
    dispenso::ThreadPool pool(loop_threads - 1);
    time_row(state, row, [&](auto& elements, auto f) {
        dispenso::TaskSet tasks(pool);
        dispenso::parallel_for(
            tasks,
            dispenso::makeChunkedRange(std::size_t{0}, elements.size(), dispenso::ParForChunking::kAdaptive),
            [&](std::size_t begin, std::size_t end) {
                for (std::size_t i = begin; i != end; ++i) f(elements[i]);
            });
    });
}
FOR_EACH_ROWS(for_each);

static void task_each(benchmark::State& state) {
    dispenso::ThreadPool pool(loop_threads - 1);
    time_task_each(state, [&](auto task, auto& items) {
        dispenso::TaskSet tasks(pool);
        for (auto& item : items) tasks.schedule([task, &item] { task(item); });
        tasks.wait();
    });
}
BENCHMARK(task_each)->Name(title_task_each)->UseManualTime();
