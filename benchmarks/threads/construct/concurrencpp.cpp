// SPDX-License-Identifier: MIT
#include "support/concurrencpp.hpp"
#include "threads/construct/workload.hpp"

using namespace benchmarks;

static void construct(benchmark::State& state, std::size_t count) {
    time_construction(state, [=](int n) {
        ConcurrencppPool pool(count);
        const int result = pool->submit([n] { return call(n); }).get();
        return result;
    });
}
BENCHMARK_CAPTURE(construct, of_2, 2)->Name(title_of_2)->UseRealTime();
BENCHMARK_CAPTURE(construct, of_64, 64)->Name(title_of_64)->UseRealTime();
