// SPDX-License-Identifier: MIT
//
// It has no loops. The caller only waits.
#include "support/arrivals.hpp"
#include "support/asio.hpp"
#include "threads/for_each/workload.hpp"

using namespace benchmarks;

static void task_each(benchmark::State& state) {
    asio::thread_pool pool(loop_threads);
    time_task_each(state, [&](auto task, auto& items) {
        Arrivals arrivals(static_cast<int>(items.size()));
        int n = 0;
        for (auto& item : items) {
            asio::post(pool, [task, &item, &arrivals, number = n++] {
                task(item);
                arrivals.arrive(number);
            });
        }
        arrivals.wait();
    });
    pool.join();
}
BENCHMARK(task_each)->Name(title_task_each)->UseManualTime();
