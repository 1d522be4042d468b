// SPDX-License-Identifier: MIT
//
// Lesson: what threads and processes cost on this machine, and what a crash does. docs/threads_or_processes.md says what
// follows from it. All times are wall-clock times on a machine that may be busy; run it again before you believe one.
//
// Run: build/quickstart/examples/threads_or_processes
// Prints (the test compares it; … stands for anything):
//     start of a pool and its first result: threads … us, processes … us
//     a task and its result, in a batch: threads … us, processes … us
//     a task that is waited for: threads … us, processes … us
//     1 MiB of doubles as an argument: threads … us, processes … us
//     1 MiB in a SharedArray: processes … us
//     a crash in a process: 1 of 8 tasks failed
#include <chrono>
#include <concurrent/futures.hpp>
#include <csignal>
#include <cstddef>
#include <functional>
#include <iomanip>
#include <iostream>
#include <optional>
#include <span>
#include <vector>

namespace cf = concurrent::futures;

int next(int n) { return n + 1; }
double first_of(std::span<const double> numbers) { return numbers.front(); }
double first_of_shared(std::span<double> numbers) { return numbers.front(); }
double first_of_vector(const std::vector<double>& numbers) { return numbers.front(); }
int crash_if_three(int n) {
    if (n == 3) std::raise(SIGKILL);
    return n;
}

/// Microseconds per repetition, with one decimal.
template <class Function>
double microseconds(int repetitions, Function&& function) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < repetitions; ++i) function();
    const std::chrono::duration<double, std::micro> elapsed = std::chrono::steady_clock::now() - start;
    return elapsed.count() / repetitions;
}

template <class Pool>
double start() {
    std::optional<Pool> pool;
    const double time = microseconds(1, [&] { pool.emplace(2).submit(next, 1).result(); });
    pool.reset();
    return time;
}

double batch(cf::Executor auto& pool) {
    constexpr int tasks = 10'000;
    return microseconds(1, [&] {
               std::vector<cf::Future<int>> futures;
               for (int n = 0; n < tasks; ++n) futures.push_back(pool.submit(next, n));
               for (const cf::Future<int>& future : futures) future.result();
           }) / tasks;
}

double round_trip(cf::Executor auto& pool) {
    return microseconds(1'000, [&] { pool.submit(next, 1).result(); });
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    std::cout << std::fixed << std::setprecision(1);

    std::cout << "start of a pool and its first result: threads " << start<cf::ThreadPoolExecutor>() << " us, processes "
              << start<cf::ProcessPoolExecutor>() << " us\n";

    cf::ThreadPoolExecutor threads(2);
    cf::ProcessPoolExecutor processes(2);
    round_trip(processes);  // the workers are running and warm from here on
    std::cout << "a task and its result, in a batch: threads " << batch(threads) << " us, processes " << batch(processes)
              << " us\n";
    std::cout << "a task that is waited for: threads " << round_trip(threads) << " us, processes "
              << round_trip(processes) << " us\n";

    const std::vector<double> numbers(1024 * 1024 / sizeof(double), 1.0);
    const cf::SharedArray<double> shared(numbers);
    std::cout << "1 MiB of doubles as an argument: threads "
              << microseconds(100, [&] { threads.submit(first_of_vector, std::cref(numbers)).result(); })
              << " us, processes " << microseconds(100, [&] { processes.submit(first_of, numbers).result(); }) << " us\n";
    std::cout << "1 MiB in a SharedArray: processes "
              << microseconds(100, [&] { processes.submit(first_of_shared, shared).result(); }) << " us\n";

    std::vector<cf::Future<int>> futures;
    for (int n = 0; n < 8; ++n) futures.push_back(processes.submit(crash_if_three, n));
    int failed = 0;
    for (const cf::Future<int>& future : futures) failed += future.exception() != nullptr;
    std::cout << "a crash in a process: " << failed << " of 8 tasks failed\n";
}
