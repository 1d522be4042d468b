// SPDX-License-Identifier: MIT
#include "support/asio.hpp"
#include "threads/submit_result/workload.hpp"

using namespace benchmarks;

static void submit_result(benchmark::State& state) {
    asio::thread_pool pool(workers);
    keep_then_read(state, many, [&](int n) {
        return asio::post(pool, asio::use_future([n] { return call(n); }));
    });
    pool.join();
}
BENCHMARK(submit_result)->Name(title)->UseRealTime();
