// SPDX-License-Identifier: MIT
//
// The tasks write into an array. Most of them the submitter runs at once, without memory for a task.
#include "threads/memory/workload.hpp"

using namespace benchmarks;

static void steady(benchmark::State& state) {
    std::vector<int> results(wave);
#pragma omp parallel num_threads(workers + 1)
#pragma omp single
    count_allocations(state, quick() ? 2 : waves, [&results](int tasks) {
        for (int n = 0; n < tasks; ++n) {
            int& result = results[static_cast<std::size_t>(n)];
#pragma omp task default(none) firstprivate(n) shared(result)
            result = call(n);
        }
#pragma omp taskwait
        std::int64_t sum = 0;
        for (const int result : results) sum += result;
        check("sum of the results", sum, sum_up_to(tasks));
    });
}
BENCHMARK(steady)->Name(title_steady)->Iterations(1);
