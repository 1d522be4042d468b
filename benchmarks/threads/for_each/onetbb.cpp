// SPDX-License-Identifier: MIT
//
// auto_partitioner, the default.
#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/parallel_for.h>

#include "support/onetbb.hpp"
#include "threads/for_each/workload.hpp"

using namespace benchmarks;

static void for_each(benchmark::State& state, int row) {
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, loop_threads);
    tbb::task_arena arena(loop_threads, 1);
    arena.execute([&] {
        time_row(state, row, [](auto& elements, auto f) {
            tbb::parallel_for(tbb::blocked_range<std::size_t>(0, elements.size()),
                              [&](const auto& part) {
                                  for (auto i = part.begin(); i != part.end(); ++i) f(elements[i]);
                              });
        });
    });
}
FOR_EACH_ROWS(for_each);

static void task_each(benchmark::State& state) {
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, loop_threads);
    tbb::task_arena arena(loop_threads, 1);
    arena.execute([&] {
        time_task_each(state, [](auto task, auto& items) {
            tbb::task_group group;
            for (auto& item : items) group.run([task, &item] { task(item); });
            group.wait();
        });
    });
}
BENCHMARK(task_each)->Name(title_task_each)->UseManualTime();
