// SPDX-License-Identifier: MIT
#include "support/asio.hpp"
#include "threads/memory/workload.hpp"

using namespace benchmarks;

static void steady(benchmark::State& state) {
    asio::thread_pool pool(workers);
    steady_state(state, waves, [&](int n) {
        return asio::post(pool, asio::use_future([n] { return call(n); }));
    });
    pool.join();
}
BENCHMARK(steady)->Name(title_steady)->Iterations(1);

static void kept(benchmark::State& state) {
    asio::thread_pool pool(workers);
    burst(state, many, [&](int n) {
        return asio::post(pool, asio::use_future([n] { return call(n); }));
    });
    pool.join();
}
BENCHMARK(kept)->Name(title_burst)->Iterations(1);
