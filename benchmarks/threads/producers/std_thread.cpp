// SPDX-License-Identifier: MIT
//
// No post: threads have to be kept and joined, which is the other row. Detaching as fast as this crashes
// now and then in pthread_detach of glibc 2.36, which reads the descriptor of a thread that has ended.
#include "support/std_thread.hpp"
#include "threads/producers/workload.hpp"

using namespace benchmarks;

static void submit_result(benchmark::State& state) {
    produce_results(state, few, [](int n) { return ThreadCall([n] { return call(n); }); });
}
BENCHMARK(submit_result)->Name(title_result)->UseRealTime();
