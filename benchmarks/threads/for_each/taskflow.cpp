// SPDX-License-Identifier: MIT
//
// for_each_index with its default, guided partitions. The caller only waits.
#include <taskflow/algorithm/for_each.hpp>

#include "support/taskflow.hpp"
#include "threads/for_each/workload.hpp"

using namespace benchmarks;

static void for_each(benchmark::State& state, int row) {
    tf::Executor executor(loop_threads);
    time_row(state, row, [&](auto& elements, auto f) {
        tf::Taskflow flow;
        flow.for_each_index(std::size_t{0}, elements.size(), std::size_t{1},
                            [&](std::size_t i) { f(elements[i]); });
        executor.run(flow).wait();
    });
}
FOR_EACH_ROWS(for_each);

static void task_each(benchmark::State& state) {
    tf::Executor executor(loop_threads);
    time_task_each(state, [&](auto task, auto& items) {
        for (auto& item : items) executor.silent_async([task, &item] { task(item); });
        executor.wait_for_all();
    });
}
BENCHMARK(task_each)->Name(title_task_each)->UseManualTime();
