// SPDX-License-Identifier: MIT
//
// Lesson: coroutines. `await loop.run_in_executor(pool, f, x)` of asyncio is `co_await pool.submit(f, x)`;
// asyncio.gather is when_all: the calls run at the same time, the coroutine waits for all of them. No
// thread is blocked while a coroutine waits. 01_threads.cpp is the same pool without coroutines.
//
// Run: build/quickstart/examples/03_coroutines
// Prints (the test compares it):
//     one after the other: 9 81
//     at the same time: 1 4 9 16
//     on a worker: yes
//     an error arrives at its co_await: no square root of -1
#include <cmath>
#include <concurrent/futures.hpp>
#include <iostream>
#include <stdexcept>
#include <thread>
#include <vector>

namespace cf = concurrent::futures;

int square(int n) { return n * n; }

double square_root(double x) {
    if (x < 0) throw std::domain_error("no square root of -1");
    return std::sqrt(x);
}

cf::Future<void> lesson(cf::ThreadPoolExecutor& pool, std::thread::id main_thread) {
    // Python: y = await loop.run_in_executor(pool, square, 3)
    const int nine = co_await pool.submit(square, 3);
    const int eighty_one = co_await pool.submit(square, nine);
    std::cout << "one after the other: " << nine << ' ' << eighty_one << '\n';

    // Python: await asyncio.gather(*[loop.run_in_executor(pool, square, n) for n in range(1, 5)])
    std::vector<cf::Future<int>> calls;
    for (int n = 1; n < 5; ++n) calls.push_back(pool.submit(square, n));
    std::cout << "at the same time:";
    for (const cf::Future<int>& call : co_await cf::when_all(calls)) std::cout << ' ' << call.result();
    std::cout << '\n';

    // After a co_await a coroutine is wherever the call ended. This says where to go on:
    co_await cf::resume_on(pool);
    std::cout << "on a worker: " << (std::this_thread::get_id() == main_thread ? "no" : "yes") << '\n';

    try {
        co_await pool.submit(square_root, -1.0);
    } catch (const std::domain_error& error) {
        std::cout << "an error arrives at its co_await: " << error.what() << '\n';
    }
}

int main() {
    cf::ThreadPoolExecutor pool({.max_workers = 3});
    lesson(pool, std::this_thread::get_id()).result();  // Python: asyncio.run(lesson())
}
