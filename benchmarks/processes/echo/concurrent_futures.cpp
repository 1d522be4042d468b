// SPDX-License-Identifier: MIT
#include <concurrent/futures/process_pool_executor.hpp>

#include "processes/echo/workload.hpp"

using namespace benchmarks;
namespace cf = concurrent::futures;

static void echo_numbers(benchmark::State& state) {
    cf::ProcessPoolExecutor pool({.max_workers = workers});
    time_echo(state, [&](const Numbers& numbers) { return pool.submit(echo, numbers).result(); });
}
BENCHMARK(echo_numbers)->Name(title)->UseRealTime();
