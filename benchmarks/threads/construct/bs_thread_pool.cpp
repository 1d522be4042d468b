// SPDX-License-Identifier: MIT
#include "support/bs_thread_pool.hpp"
#include "threads/construct/workload.hpp"

using namespace benchmarks;

static void construct(benchmark::State& state, std::size_t count) {
    time_construction(state, [=](int n) {
        BsPool pool(count);
        const int result = pool.submit_task([n] { return call(n); }).get();
        return result;
    });
}
BENCHMARK_CAPTURE(construct, of_2, 2)->Name(title_of_2)->UseRealTime();
BENCHMARK_CAPTURE(construct, of_64, 64)->Name(title_of_64)->UseRealTime();
