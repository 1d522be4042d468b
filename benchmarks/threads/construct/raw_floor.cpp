// SPDX-License-Identifier: MIT
#include <thread>

#include "threads/construct/workload.hpp"

using namespace benchmarks;

static void construct(benchmark::State& state) {
    time_construction(state, [](int n) {
        int result = 0;
        std::thread thread([&result, n] { result = call(n); });
        thread.join();
        return result;
    });
}
BENCHMARK(construct)->Name(title_of_2)->UseRealTime();
BENCHMARK(construct)->Name(title_of_64)->UseRealTime();
