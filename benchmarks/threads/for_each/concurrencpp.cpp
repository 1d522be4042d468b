// SPDX-License-Identifier: MIT
//
// It has no loops. The caller only waits.
#include "support/concurrencpp.hpp"
#include "threads/for_each/workload.hpp"

using namespace benchmarks;

static void task_each(benchmark::State& state) {
    ConcurrencppPool pool(loop_threads);
    time_task_each(state, [&](auto task, auto& items) {
        std::vector<concurrencpp::result<void>> results;
        results.reserve(items.size());
        for (auto& item : items) results.push_back(pool->submit([task, &item] { task(item); }));
        for (auto& result : results) result.get();
    });
}
BENCHMARK(task_each)->Name(title_task_each)->UseManualTime();
