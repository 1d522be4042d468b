// SPDX-License-Identifier: MIT
#include "support/asio.hpp"
#include "threads/producers/workload.hpp"

using namespace benchmarks;

static void submit_result(benchmark::State& state) {
    asio::thread_pool pool(workers);
    produce_results(state, many, [&](int n) {
        return asio::post(pool, asio::use_future([n] { return call(n); }));
    });
    pool.join();
}
BENCHMARK(submit_result)->Name(title_result)->UseRealTime();

static void post(benchmark::State& state) {
    asio::thread_pool pool(workers);
    produce_posts(state, many, [&](auto task) { asio::post(pool, task); });
    pool.join();
}
BENCHMARK(post)->Name(title_post)->UseRealTime();
