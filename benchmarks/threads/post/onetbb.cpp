// SPDX-License-Identifier: MIT
//
// task_group::wait() runs tasks in the submitter, too.
#include "support/onetbb.hpp"
#include "threads/post/workload.hpp"

using namespace benchmarks;

static void post(benchmark::State& state) {
    in_arena([&] {
        tbb::task_group group;
        post_then_wait(
            state, many, [&](auto task) { group.run(task); }, [&] { group.wait(); });
    });
}
BENCHMARK(post)->Name(title)->UseRealTime();
