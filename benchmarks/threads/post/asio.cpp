// SPDX-License-Identifier: MIT
#include "support/asio.hpp"
#include "threads/post/workload.hpp"

using namespace benchmarks;

static void post(benchmark::State& state) {
    asio::thread_pool pool(workers);
    post_then_wait(state, many, [&](auto task) { asio::post(pool, task); });
    pool.join();
}
BENCHMARK(post)->Name(title)->UseRealTime();
