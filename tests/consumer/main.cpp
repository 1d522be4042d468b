// SPDX-License-Identifier: MIT
//
// What every consumer here builds: the smallest program that runs something on a pool.
#include <concurrent/futures.hpp>
#include <iostream>

int main() {
    concurrent::futures::ThreadPoolExecutor pool;
    std::cout << "12 squared is " << pool.submit([](int n) { return n * n; }, 12).result() << '\n';
}
