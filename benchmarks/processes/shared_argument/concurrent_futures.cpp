// SPDX-License-Identifier: MIT
//
// A broadcast: made anew for every hundred calls, the copy of the numbers that it takes included.
#include <concurrent/futures/broadcast.hpp>
#include <concurrent/futures/process_pool_executor.hpp>
#include <concurrent/futures/shared_array.hpp>

#include "processes/shared_argument/workload.hpp"

using namespace benchmarks;
namespace cf = concurrent::futures;

static void broadcast(benchmark::State& state) {
    cf::ProcessPoolExecutor pool({.max_workers = workers});
    time_shared_argument(
        state, [](const Numbers& numbers) { return cf::broadcast(numbers); },
        [&](const cf::Broadcast<Numbers>& numbers, int n) { return pool.submit(sum_of_pages, numbers, n); });
}
BENCHMARK(broadcast)->Name(title)->UseRealTime();

/// Into memory that exists, as a program has it that computes what it shares.
static void shared_array(benchmark::State& state) {
    cf::ProcessPoolExecutor pool({.max_workers = workers});
    cf::SharedArray<double> array;
    time_shared_argument(
        state,
        [&](const Numbers& numbers) {
            if (array.size() != numbers.size()) array = cf::SharedArray<double>(numbers.size());
            std::copy(numbers.begin(), numbers.end(), array.begin());
            return array;
        },
        [&](const cf::SharedArray<double>& numbers, int n) { return pool.submit(sum_of_pages, numbers, n); });
}
BENCHMARK(shared_array)->Name("the same 64 MiB for 100 calls, SharedArray")->UseRealTime();
