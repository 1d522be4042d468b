// SPDX-License-Identifier: MIT
//
// Calls that would never end: one is ended at its time limit, one stops because it is asked to, one does
// not listen and is stopped by force. Only these calls end; their workers are replaced and the pool goes on.
//
// Run: build/quickstart/examples/runaway
// Prints (the test compares it; … stands for anything):
//     an infinite loop: task 1 "loop" was stopped in worker process … after 1.… s, its time limit is 1.00 s.
//     that took … seconds
//     asked to stop, it returned what it had: … rounds
//     asked to stop, it did not listen: cancelled
//     and the pool goes on: 0 1 4 9 16
//     workers replaced: 2
#include <chrono>
#include <concurrent/futures.hpp>
#include <iomanip>
#include <iostream>
#include <stop_token>
#include <thread>
#include <vector>

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

int square(int n) { return n * n; }

int infinite_loop() {
    for (volatile unsigned n = 0;;) n = n + 1;
}

// A callable that takes a std::stop_token first gets one, as in std::jthread.
long search_until_stopped(std::stop_token stop) {
    long rounds = 0;
    while (!stop.stop_requested()) ++rounds;
    return rounds;
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    cf::ProcessPoolExecutor pool({.max_workers = 2, .stop_grace = 100ms});

    const auto start = std::chrono::steady_clock::now();
    const auto loop = pool.submit({.name = "loop", .timeout = 1s}, infinite_loop);
    try {
        loop.result();
    } catch (const cf::TaskTimeoutError& error) {
        std::cout << "an infinite loop: " << error.what() << '\n';
    }
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    std::cout << "that took " << std::fixed << std::setprecision(1) << elapsed.count() << " seconds\n";

    const auto search = pool.submit(search_until_stopped);
    while (!search.running()) std::this_thread::yield();
    search.request_stop();
    std::cout << "asked to stop, it returned what it had: " << search.result() << " rounds\n";

    const auto deaf = pool.submit(infinite_loop);
    while (!deaf.running()) std::this_thread::yield();
    deaf.request_stop();  // stop_grace later its worker is killed
    deaf.wait();
    std::cout << "asked to stop, it did not listen: " << (deaf.cancelled() ? "cancelled" : "?") << '\n';

    std::cout << "and the pool goes on:";
    for (const int y : pool.map(square, std::vector{0, 1, 2, 3, 4})) std::cout << ' ' << y;
    std::cout << "\nworkers replaced: " << pool.stats().worker_restarts << '\n';
}
