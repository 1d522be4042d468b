// SPDX-License-Identifier: MIT
//
// Its own allocator, if TBB finds it, takes slabs by mmap.
#include "support/onetbb.hpp"
#include "threads/memory/workload.hpp"

using namespace benchmarks;

static void steady(benchmark::State& state) {
    in_arena([&] {
        tbb::task_group group;
        steady_state(state, waves, [&](int n) {
            return with_promise([&](auto task) { group.run(std::move(task)); },
                                [n] { return call(n); });
        });
        group.wait();
    });
}
BENCHMARK(steady)->Name(title_steady)->Iterations(1);

static void kept(benchmark::State& state) {
    in_arena([&] {
        tbb::task_group group;
        burst(state, many, [&](int n) {
            return with_promise([&](auto task) { group.run(std::move(task)); },
                                [n] { return call(n); });
        });
        group.wait();
    });
}
BENCHMARK(kept)->Name(title_burst)->Iterations(1);
