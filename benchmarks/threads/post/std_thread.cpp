// SPDX-License-Identifier: MIT
#include <thread>

#include "threads/post/workload.hpp"

using namespace benchmarks;

static void post(benchmark::State& state) {
    std::vector<std::thread> threads;
    post_then_wait(
        state, few, [&](auto task) { threads.emplace_back(task); },
        [&] {
            for (std::thread& thread : threads) thread.join();
            threads.clear();
        });
}
BENCHMARK(post)->Name(title)->UseRealTime();
