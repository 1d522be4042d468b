// SPDX-License-Identifier: MIT
//
// A team runs one task; pausing the runtime ends its threads.
#include <omp.h>

#include "threads/construct/workload.hpp"

using namespace benchmarks;

static void construct(benchmark::State& state, int count) {
    time_construction(state, [=](int n) {
        int result = 0;
#pragma omp parallel num_threads(count + 1) default(none) firstprivate(n) shared(result)
#pragma omp single
        {
#pragma omp task default(none) firstprivate(n) shared(result)
            result = call(n);
        }
        check("omp_pause_resource_all", omp_pause_resource_all(omp_pause_hard), 0);
        return result;
    });
}
BENCHMARK_CAPTURE(construct, of_2, 2)->Name(title_of_2)->UseRealTime();
BENCHMARK_CAPTURE(construct, of_64, 64)->Name(title_of_64)->UseRealTime();
