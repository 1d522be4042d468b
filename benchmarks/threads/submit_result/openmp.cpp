// SPDX-License-Identifier: MIT
//
// OpenMP has no futures: the tasks write into an array that is read after a wait for all. Its runtime may
// run tasks in the submitter.
#include "threads/submit_result/workload.hpp"

using namespace benchmarks;

static void submit_result(benchmark::State& state) {
#pragma omp parallel num_threads(workers + 1)
#pragma omp single
    time_batches(state, scaled(many), [](int count) {
        std::vector<int> results(static_cast<std::size_t>(count));
        for (int n = 0; n < count; ++n) {
            int& result = results[static_cast<std::size_t>(n)];
#pragma omp task default(none) firstprivate(n) shared(result)
            result = call(n);
        }
#pragma omp taskwait
        std::int64_t sum = 0;
        for (const int result : results) sum += result;
        check("sum of the results", sum, sum_up_to(count));
    });
}
BENCHMARK(submit_result)->Name(title)->UseRealTime();
