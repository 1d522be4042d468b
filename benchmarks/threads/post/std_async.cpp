// SPDX-License-Identifier: MIT
//
// The futures of std::async wait when they are destroyed, so they are kept until all tasks are started.
#include <future>

#include "threads/post/workload.hpp"

using namespace benchmarks;

static void post(benchmark::State& state) {
    std::vector<std::future<void>> futures;
    post_then_wait(
        state, few,
        [&](auto task) { futures.push_back(std::async(std::launch::async, task)); },
        [&] { futures.clear(); });
}
BENCHMARK(post)->Name(title)->UseRealTime();
