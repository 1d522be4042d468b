// SPDX-License-Identifier: MIT
//
// Ours only: the workloads submit_result, post and fib with other numbers of workers and producers, and post with a
// full queue. Every producer is a thread of its own, whose start is timed along.
#include <concurrent/futures/thread_pool_executor.hpp>
#include <string>

#include "threads/fib/workload.hpp"
#include "threads/producers/workload.hpp"

using namespace benchmarks;
namespace cf = concurrent::futures;

namespace {

constexpr int tasks = 100'000;

void submit_result(benchmark::State& state, int of_workers, int of_producers) {
    cf::ThreadPoolExecutor pool({.max_workers = of_workers});
    produce_results(state, tasks, [&](int n) { return pool.submit(call, n); }, of_producers);
}

void post(benchmark::State& state, int of_workers, int of_producers) {
    cf::ThreadPoolExecutor pool({.max_workers = of_workers});
    produce_posts(state, tasks, [&](auto task) { pool.post(task); }, of_producers);
}

void bounded(benchmark::State& state, int of_workers, int of_producers) {
    cf::ThreadPoolExecutor pool({.max_workers = static_cast<std::size_t>(of_workers), .max_pending = 100});
    produce_posts(state, tasks, [&](auto task) { pool.post(task); }, of_producers);
}

int fib(cf::ThreadPoolExecutor& pool, int n) {
    if (n < 2) return n;
    cf::Future<int> first = pool.submit([&pool, n] { return fib(pool, n - 1); });
    const int second = fib(pool, n - 2);
    return std::move(first).result() + second;
}

void fibonacci(benchmark::State& state, int of_workers) {
    cf::ThreadPoolExecutor pool({.max_workers = of_workers});
    time_fib(state, deep(), [&](int n) {
        return pool.submit([&pool, n] { return fib(pool, n); }).result();
    });
}

/// What stands behind @ is a column of the table.
template <class Function, class... Numbers>
void add(const std::string& row, int of_workers, Function function, Numbers... of_producers) {
    const std::string name = row + " @ " + std::to_string(of_workers);
    benchmark::RegisterBenchmark(name.c_str(), function, of_workers, of_producers...)
        ->UseRealTime()
        ->Iterations(3);
}

const bool all_are_added = [] {
    for (const int of_workers : {1, 2, 4, 16, 256}) {
        for (const int of_producers : {1, 4, 64}) {
            const std::string who = ", producers: " + std::to_string(of_producers);
            add("submit, keep, result" + who, of_workers, submit_result, of_producers);
            add("post, wait for all" + who, of_workers, post, of_producers);
            if (of_producers != 4) add("post at max_pending 100" + who, of_workers, bounded, of_producers);
        }
        add("fib by submit + result", of_workers, fibonacci);
    }
    return true;
}();

}  // namespace
