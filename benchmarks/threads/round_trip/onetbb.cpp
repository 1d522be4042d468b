// SPDX-License-Identifier: MIT
#include "support/onetbb.hpp"
#include "threads/round_trip/workload.hpp"

using namespace benchmarks;

static void round_trip(benchmark::State& state) {
    in_arena([&] {
        tbb::task_group group;
        time_calls(state, [&](int n) {
            return with_promise([&](auto task) { group.run(std::move(task)); },
                                [n] { return call(n); });
        });
        group.wait();
    });
}
BENCHMARK(round_trip)->Name(title)->UseRealTime();
