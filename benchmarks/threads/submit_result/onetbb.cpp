// SPDX-License-Identifier: MIT
#include "support/onetbb.hpp"
#include "threads/submit_result/workload.hpp"

using namespace benchmarks;

static void submit_result(benchmark::State& state) {
    in_arena([&] {
        tbb::task_group group;
        keep_then_read(state, many, [&](int n) {
            return with_promise([&](auto task) { group.run(std::move(task)); },
                                [n] { return call(n); });
        });
        group.wait();
    });
}
BENCHMARK(submit_result)->Name(title)->UseRealTime();
