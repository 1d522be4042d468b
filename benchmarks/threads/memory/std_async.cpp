// SPDX-License-Identifier: MIT
#include <future>

#include "threads/memory/workload.hpp"

using namespace benchmarks;

static std::future<int> submit(int n) {
    return std::async(std::launch::async, [n] { return call(n); });
}

static void steady(benchmark::State& state) { steady_state(state, few_waves, submit); }
BENCHMARK(steady)->Name(title_steady)->Iterations(1);

static void kept(benchmark::State& state) { burst(state, few, submit); }
BENCHMARK(kept)->Name(title_burst)->Iterations(1);
