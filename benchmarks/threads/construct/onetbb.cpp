// SPDX-License-Identifier: MIT
//
// Workers end at finalize(), which waits for them.
#include "support/onetbb.hpp"
#include "threads/construct/workload.hpp"

using namespace benchmarks;

static int result_from_new_workers(int count, int n) {
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                                    static_cast<std::size_t>(count) + 1);
    tbb::task_arena arena(count, 0);
    return with_promise([&](auto task) { arena.enqueue(std::move(task)); }, [n] { return call(n); }).get();
}

static void construct(benchmark::State& state, int count) {
    time_construction(state, [=](int n) {
        tbb::task_scheduler_handle handle{tbb::attach{}};
        const int result = result_from_new_workers(count, n);
        require("finalize", tbb::finalize(handle, std::nothrow));
        return result;
    });
}
BENCHMARK_CAPTURE(construct, of_2, 2)->Name(title_of_2)->UseRealTime();
BENCHMARK_CAPTURE(construct, of_64, 64)->Name(title_of_64)->UseRealTime();
