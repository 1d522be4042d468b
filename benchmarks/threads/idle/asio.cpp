// SPDX-License-Identifier: MIT
#include "support/asio.hpp"
#include "threads/idle/workload.hpp"

using namespace benchmarks;

static void idle(benchmark::State& state) {
    asio::thread_pool pool(workers);
    rest_after_work(state, [&](auto call) { return asio::post(pool, asio::use_future(call)); });
    pool.join();
}
BENCHMARK(idle)->Name(title_idle)->Iterations(1);

static void few_tasks(benchmark::State& state) {
    asio::thread_pool pool(workers);
    trickle(state, [&](auto call) { return asio::post(pool, asio::use_future(call)); });
    pool.join();
}
BENCHMARK(few_tasks)->Name(title_trickle)->Iterations(1);
