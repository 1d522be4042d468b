// SPDX-License-Identifier: MIT
//
// The team waits for tasks at the end of its region. Promises stand in for the futures OpenMP has not.
#include <future>
#include <memory>

#include "threads/idle/workload.hpp"

using namespace benchmarks;

template <class Call>
static std::future<int> submit(Call call) {
    const auto promise = std::make_shared<std::promise<int>>();
    std::future<int> future = promise->get_future();
#pragma omp task default(none) firstprivate(promise, call)
    promise->set_value(call());
    return future;
}

static void idle(benchmark::State& state) {
#pragma omp parallel num_threads(workers + 1)
#pragma omp single
    rest_after_work(state, [](auto call) { return submit(call); });
}
BENCHMARK(idle)->Name(title_idle)->Iterations(1);

static void few_tasks(benchmark::State& state) {
#pragma omp parallel num_threads(workers + 1)
#pragma omp single
    trickle(state, [](auto call) { return submit(call); });
}
BENCHMARK(few_tasks)->Name(title_trickle)->Iterations(1);
