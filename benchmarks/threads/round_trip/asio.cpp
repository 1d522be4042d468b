// SPDX-License-Identifier: MIT
#include "support/asio.hpp"
#include "threads/round_trip/workload.hpp"

using namespace benchmarks;

static void round_trip(benchmark::State& state) {
    asio::thread_pool pool(workers);
    time_calls(state, [&](int n) {
        return asio::post(pool, asio::use_future([n] { return call(n); }));
    });
    pool.join();
}
BENCHMARK(round_trip)->Name(title)->UseRealTime();
