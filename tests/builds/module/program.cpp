// SPDX-License-Identifier: MIT
//
// program.cpp: threads, processes, coroutines and errors through `import concurrent.futures`. Prints "right".
#include <chrono>
#include <coroutine>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

import concurrent.futures;

namespace cf = concurrent::futures;

struct Point {
    int x, y;
};

int square(int n) { return n * n; }
int sum(Point point) { return point.x + point.y; }
int fail(const std::string& text) { throw std::invalid_argument(text); }

cf::Future<int> squared_twice(cf::ThreadPoolExecutor& pool, int n) {
    const int once = co_await pool.submit(square, n);
    co_return co_await pool.submit(square, once);
}

template <cf::Executor Pool>
bool is_right(Pool& pool) {
    int total = 0;
    for (const int y : pool.map(square, std::vector{1, 2, 3})) total += y;
    const auto failed = pool.submit(fail, "expected");
    try {
        failed.result();
        return false;
    } catch (const std::invalid_argument& error) {
        if (error.what() != std::string("expected")) return false;
    }
    const cf::Future<int> named = pool.submit({.name = "named"}, square, 5);
    cf::wait(std::vector{named});
    return total == 14 && named.result() == 25 && pool.submit(sum, Point{3, 4}).result() == 7;
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    cf::ThreadPoolExecutor threads(2);
    cf::ProcessPoolExecutor processes({.max_workers = 2});
    std::vector<double> numbers(1000, 1.0);
    cf::for_each(threads, numbers, [](double& number) { number *= 2; });
    const bool right = is_right(threads) && is_right(processes) && squared_twice(threads, 3).result() == 81 &&
                       numbers.front() + numbers.back() == 4.0 &&
                       threads.submit(square, 2).then([](int n) { return n + 1; }).result() == 5;
    std::puts(right ? "right" : "wrong");
    return right ? 0 : 1;
}
