// SPDX-License-Identifier: MIT
//
// Lesson: what workers and futures cost in memory. All figures are proportional set sizes (PSS):
// pages of this process alone count in full, pages shared by n processes as one n-th.
//
// Run: build/quickstart/examples/memory_footprint
// Prints (the test compares it and checks the figures; … stands for anything):
//     one idle thread worker: … KiB (of 64)
//     one idle process worker (spawn): … KiB (of 4), … KiB of them its own alone
//     one idle process worker (fork): … KiB (of 4), … KiB of them its own alone
//     one outstanding Future<int>: … bytes (of 100000), with its call and its place in the queue
#include <chrono>
#include <concurrent/futures.hpp>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <latch>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

/// A line of /proc/…/smaps_rollup, or the sum of those that start alike, in KiB.
double memory(const std::string& process, const std::string& kind) {
    std::ifstream rollup("/proc/" + process + "/smaps_rollup");
    double sum = 0;
    bool found = false;
    for (std::string word; rollup >> word;)
        if (word.starts_with(kind)) {
            double amount = 0;
            rollup >> amount;
            sum += amount;
            found = true;
        }
    if (!found) throw std::runtime_error("no " + kind + " of process " + process);
    return sum;
}

int add(int a, int b) { return a + b; }

int nap(int result) {
    std::this_thread::sleep_for(50ms);
    return result;
}

void measure_threads() {
    constexpr int workers = 64;
    const double before = memory("self", "Pss:");
    cf::ThreadPoolExecutor pool({.max_workers = workers});
    std::latch all_here(workers);
    std::vector<cf::Future<void>> calls;
    for (int i = 0; i < workers; ++i)
        calls.push_back(pool.submit([&] { all_here.arrive_and_wait(); }));
    cf::wait(calls);
    calls.clear();
    std::cout << "one idle thread worker: " << (memory("self", "Pss:") - before) / workers
              << " KiB (of " << pool.stats().workers << ")\n";
}

void measure_processes(cf::StartMethod start_method, const char* name) {
    constexpr std::size_t workers = 4;
    cf::ProcessPoolExecutor pool({.max_workers = workers, .start_method = start_method});
    while (pool.worker_pids().size() < workers) {  // they start on demand
        int sum = 0;
        for (const int result : pool.map(nap, std::vector<int>(workers, 1))) sum += result;
        if (sum != workers) throw std::logic_error("wrong results");
    }
    double proportional = 0, own = 0;
    for (const auto pid : pool.worker_pids()) {
        proportional += memory(std::to_string(pid), "Pss:");
        own += memory(std::to_string(pid), "Private_");
    }
    std::cout << "one idle process worker (" << name << "): " << proportional / workers
              << " KiB (of " << pool.stats().workers << "), " << own / workers
              << " KiB of them its own alone\n";
}

void measure_futures() {
    constexpr int count = 100'000;
    cf::ThreadPoolExecutor pool({.max_workers = 1});
    std::latch gate(1);
    pool.post([&] { gate.wait(); });
    std::vector<cf::Future<int>> futures(count);

    const double before = memory("self", "Pss:");
    for (int i = 0; i < count; ++i) futures[static_cast<std::size_t>(i)] = pool.submit(add, i, 1);
    const double after = memory("self", "Pss:");
    const std::size_t outstanding = pool.stats().pending;

    gate.count_down();
    for (int i = 0; i < count; ++i)
        if (futures[static_cast<std::size_t>(i)].result() != i + 1)
            throw std::logic_error("wrong result");
    std::cout << "one outstanding Future<int>: " << (after - before) * 1024 / count << " bytes (of "
              << outstanding << "), with its call and its place in the queue\n";
}

int main(int argc, char** argv) try {
    cf::process_main(argc, argv);
    measure_threads();
    measure_processes(cf::StartMethod::spawn, "spawn");
    measure_processes(cf::StartMethod::fork, "fork");
    measure_futures();
} catch (const std::exception& error) {
    std::cerr << "memory_footprint: " << error.what() << '\n';
    return EXIT_FAILURE;
}
