// SPDX-License-Identifier: MIT
#include <concurrent/futures/algorithm.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>

#include "support/arrivals.hpp"
#include "threads/for_each/workload.hpp"

using namespace benchmarks;
namespace cf = concurrent::futures;

static void for_each(benchmark::State& state, int row) {
    cf::ThreadPoolExecutor pool({.max_workers = loop_threads});
    time_row(state, row, [&](auto& elements, auto f) { cf::for_each(pool, elements, f); });
}
FOR_EACH_ROWS(for_each);

static void task_each(benchmark::State& state) {
    cf::ThreadPoolExecutor pool({.max_workers = loop_threads});
    time_task_each(state, [&](auto task, auto& items) {
        Arrivals arrivals(static_cast<int>(items.size()));
        int n = 0;
        for (auto& item : items) {
            pool.post([task, &item, &arrivals, number = n++] {
                task(item);
                arrivals.arrive(number);
            });
        }
        arrivals.wait();
    });
}
BENCHMARK(task_each)->Name(title_task_each)->UseManualTime();
