// SPDX-License-Identifier: MIT
//
// OpenMP's runtime may run tasks in the submitter.
#include "threads/post/workload.hpp"

using namespace benchmarks;

static void post(benchmark::State& state) {
#pragma omp parallel num_threads(workers + 1)
#pragma omp single
    time_batches(state, scaled(many), [](int count) {
        Arrivals arrivals(count);
        for (int n = 0; n < count; ++n) {
#pragma omp task default(none) firstprivate(n) shared(arrivals)
            arrivals.arrive(n);
        }
#pragma omp taskwait
        arrivals.wait();
    });
}
BENCHMARK(post)->Name(title)->UseRealTime();
