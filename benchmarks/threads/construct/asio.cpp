// SPDX-License-Identifier: MIT
#include "support/asio.hpp"
#include "threads/construct/workload.hpp"

using namespace benchmarks;

static void construct(benchmark::State& state, std::size_t count) {
    time_construction(state, [=](int n) {
        asio::thread_pool pool(count);
        const int result = asio::post(pool, asio::use_future([n] { return call(n); })).get();
        pool.join();
        return result;
    });
}
BENCHMARK_CAPTURE(construct, of_2, 2)->Name(title_of_2)->UseRealTime();
BENCHMARK_CAPTURE(construct, of_64, 64)->Name(title_of_64)->UseRealTime();
