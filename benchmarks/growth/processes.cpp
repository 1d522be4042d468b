// SPDX-License-Identifier: MIT
//
// Growth of process pools: what a task costs when 1e3 to 1e6 of them wait, and on 1 to 256 worker processes. Processor time of
// this process and all workers. growth.hpp says how to run it.
#include <concurrent/futures/process_main.hpp>
#include <concurrent/futures/process_pool_executor.hpp>

#include "growth.hpp"

#include <cstddef>
#include <numeric>
#include <string_view>
#include <vector>

namespace {

namespace cf = concurrent::futures;
using namespace growth;

int identity(int n) { return n; }

std::vector<cf::Future<int>> many_futures(cf::ProcessPoolExecutor& pool, std::size_t size) {
    std::vector<cf::Future<int>> futures;
    futures.reserve(size);
    for (std::size_t n = 0; n < size; ++n) futures.push_back(pool.submit(identity, 1));
    return futures;
}
void submit_and_read(cf::ProcessPoolExecutor& pool, std::size_t size, Stopwatch& watch) {
    watch.start();
    std::size_t sum = 0;
    for (auto& future : many_futures(pool, size)) sum += static_cast<std::size_t>(future.result());
    watch.stop();
    require("sum", sum == size);
}
void map(cf::ProcessPoolExecutor& pool, std::size_t size, Stopwatch& watch) {
    const std::vector<int> numbers(size, 3);
    watch.start();
    std::size_t sum = 0;
    for (const int n : pool.map(identity, numbers)) sum += static_cast<std::size_t>(n);
    watch.stop();
    require("sum", sum == 3 * size);
}

void more_tasks() {
    cf::ProcessPoolExecutor pool(2);
    pool.start_workers();
    Stopwatch untimed;
    submit_and_read(pool, 1'000, untimed);
    grow("process pool, submit, keep, result", 1'000'000,
         [&](std::size_t size, Stopwatch& watch) { submit_and_read(pool, size, watch); }, pool.worker_pids());
    grow("process pool, map", 1'000'000, [&](std::size_t size, Stopwatch& watch) { map(pool, size, watch); }, pool.worker_pids());
}

/// As many tasks for each of more and more processes, which run before the time is taken.
void more_processes() {
    const auto on = [&](std::string_view name, std::size_t workers, auto run) {
        const std::size_t tasks = quick ? 2'000 : 20'000 * (workers < 10 ? 10 : workers);
        cf::ProcessPoolExecutor pool({.max_workers = static_cast<int>(workers)});
        pool.start_workers();
        require("all workers run", pool.worker_pids().size() == workers);
        Stopwatch untimed, watch(pool.worker_pids());
        run(pool, tasks, untimed);  // each worker has pages of its own, which are new to it at first
        run(pool, tasks, watch);
        watch.print(name, workers, tasks);
    };
    grow_fourfold("processes: submit, keep, result", 256,
                  [&](std::string_view name, std::size_t workers) { on(name, workers, submit_and_read); });
    grow_fourfold("processes: map", 256, [&](std::string_view name, std::size_t workers) { on(name, workers, map); });
}

}  // namespace

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    read_arguments(argc, argv);
    more_tasks();
    more_processes();
}
