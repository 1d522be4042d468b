// SPDX-License-Identifier: MIT
#include <concurrent/futures/thread_pool_executor.hpp>

#include "threads/idle/workload.hpp"

using namespace benchmarks;
namespace cf = concurrent::futures;

static void idle(benchmark::State& state) {
    cf::ThreadPoolExecutor pool({.max_workers = workers});
    rest_after_work(state, [&](auto call) { return pool.submit(call); });
}
BENCHMARK(idle)->Name(title_idle)->Iterations(1);

static void few_tasks(benchmark::State& state) {
    cf::ThreadPoolExecutor pool({.max_workers = workers});
    trickle(state, [&](auto call) { return pool.submit(call); });
}
BENCHMARK(few_tasks)->Name(title_trickle)->Iterations(1);
