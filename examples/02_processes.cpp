// SPDX-License-Identifier: MIT
//
// Lesson: a pool of processes. This is 01_threads.cpp with another executor and with process_main:
// five calls that take a second each, on three workers, so two seconds.
//
// Run: build/quickstart/examples/02_processes
// Prints (the test compares it; … stands for anything):
//     as they end: …
//     in order: 0 1 4 9 16
//     5 calls of one second on 3 processes: … seconds
#include <chrono>
#include <concurrent/futures.hpp>
#include <iomanip>
#include <iostream>
#include <thread>
#include <vector>

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

int slow_square(int n) {
    std::this_thread::sleep_for(1s);
    return n * n;
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);  // a worker process runs its calls in here and never returns

    const auto start = std::chrono::steady_clock::now();
    cf::ProcessPoolExecutor pool({.max_workers = 3});

    std::vector<cf::Future<int>> futures;
    for (int n = 0; n < 5; ++n) futures.push_back(pool.submit(slow_square, n));

    std::cout << "as they end:";
    for (const cf::Future<int>& future : cf::as_completed(futures))
        std::cout << ' ' << future.result() << std::flush;
    std::cout << "\nin order:";
    for (const cf::Future<int>& future : futures) std::cout << ' ' << future.result();

    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    std::cout << "\n5 calls of one second on 3 processes: " << std::fixed << std::setprecision(1)
              << elapsed.count() << " seconds\n";
}
