// SPDX-License-Identifier: MIT
//
// Lesson: coming from std::async, std::thread and oneTBB. Each pair of functions does the same, before and after. The
// page docs/coming_from.md shows them side by side.
//
// Run: build/quickstart/examples/coming_from
// Prints (the test compares it):
//     std::async: 55, 55
//     std::thread: 55, 55
//     oneTBB: 55, 55
//     an exception: refused, refused
#include <concurrent/futures.hpp>
#include <functional>
#include <future>
#include <iostream>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#ifdef WITH_TBB
#include <tbb/blocked_range.h>
#include <tbb/parallel_reduce.h>
#endif

namespace cf = concurrent::futures;

int work(int n) { return n; }
int refuse(int) { throw std::runtime_error("refused"); }

const std::vector<int> inputs{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};

int with_async() {
    std::vector<std::future<int>> futures;
    for (int n : inputs) futures.push_back(std::async(std::launch::async, work, n));
    int sum = 0;
    for (std::future<int>& future : futures) sum += future.get();
    return sum;
}
int instead_of_async() {
    cf::ThreadPoolExecutor pool;
    std::vector<cf::Future<int>> futures;
    for (int n : inputs) futures.push_back(pool.submit(work, n));
    int sum = 0;
    for (cf::Future<int>& future : futures) sum += future.result();
    return sum;
}

int with_threads() {
    std::vector<int> results(inputs.size());
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < inputs.size(); ++i)
        threads.emplace_back([&, i] { results[i] = work(inputs[i]); });
    for (std::thread& thread : threads) thread.join();
    return std::accumulate(results.begin(), results.end(), 0);
}
int instead_of_threads() {
    cf::ThreadPoolExecutor pool;
    int sum = 0;
    for (int result : pool.map(work, inputs)) sum += result;
    return sum;
}

int with_tbb() {
#ifdef WITH_TBB
    return tbb::parallel_reduce(
        tbb::blocked_range<std::size_t>(0, inputs.size()), 0,
        [](const tbb::blocked_range<std::size_t>& range, int sum) {
            for (std::size_t i = range.begin(); i != range.end(); ++i) sum += work(inputs[i]);
            return sum;
        },
        std::plus<>());
#else  // oneTBB is not here
    return std::accumulate(inputs.begin(), inputs.end(), 0);
#endif
}
int instead_of_tbb() {
    cf::ThreadPoolExecutor pool;
    return cf::transform_reduce(pool, inputs, 0, std::plus<>(), work);
}

std::string error_with_async() {
    try {
        return std::to_string(std::async(std::launch::async, refuse, 1).get());
    } catch (const std::runtime_error& error) {
        return error.what();
    }
}
std::string error_instead() {
    cf::ThreadPoolExecutor pool;
    try {
        return std::to_string(pool.submit(refuse, 1).result());
    } catch (const std::runtime_error& error) {
        return error.what();
    }
}

int main() {
    std::cout << "std::async: " << with_async() << ", " << instead_of_async() << '\n';
    std::cout << "std::thread: " << with_threads() << ", " << instead_of_threads() << '\n';
    std::cout << "oneTBB: " << with_tbb() << ", " << instead_of_tbb() << '\n';
    std::cout << "an exception: " << error_with_async() << ", " << error_instead() << '\n';
}
