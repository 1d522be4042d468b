// SPDX-License-Identifier: MIT
//
// Queued for a worker; the default lets the one who waits run a task.
#include "support/dispenso.hpp"
#include "threads/construct/workload.hpp"

using namespace benchmarks;

static void construct(benchmark::State& state, std::size_t count) {
    time_construction(state, [=](int n) {
        dispenso::ThreadPool pool(count);
        const int result = dispenso::async(pool, std::launch::async, [n] { return call(n); }).get();
        return result;
    });
}
BENCHMARK_CAPTURE(construct, of_2, 2)->Name(title_of_2)->UseRealTime();
BENCHMARK_CAPTURE(construct, of_64, 64)->Name(title_of_64)->UseRealTime();
