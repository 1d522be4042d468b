// SPDX-License-Identifier: MIT
//
// detach_blocks, a block per worker. The caller only waits.
#include "support/bs_thread_pool.hpp"
#include "threads/for_each/workload.hpp"

using namespace benchmarks;

static void for_each(benchmark::State& state, int row) {
    BsPool pool(loop_threads);
    time_row(state, row, [&](auto& elements, auto f) {
        pool.detach_blocks(std::size_t{0}, elements.size(), [&](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i != end; ++i) f(elements[i]);
        });
        pool.wait();
    });
}
FOR_EACH_ROWS(for_each);

static void task_each(benchmark::State& state) {
    BsPool pool(loop_threads);
    time_task_each(state, [&](auto task, auto& items) {
        for (auto& item : items) pool.detach_task([task, &item] { task(item); });
        pool.wait();
    });
}
BENCHMARK(task_each)->Name(title_task_each)->UseManualTime();
