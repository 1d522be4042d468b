// SPDX-License-Identifier: MIT
//
// The README's first program: the same calls on threads and in processes.
//
// Run: build/quickstart/examples/00_readme
// Prints (the test compares it):
//     12 squared is 144
//     1 4 9
//     13 squared is 169
//     and a million? too big

#include <concurrent/futures.hpp>
#include <iostream>
#include <stdexcept>
#include <vector>

namespace cf = concurrent::futures;

int square(int n) {
    if (n > 1000) throw std::domain_error("too big");
    return n * n;
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);  // first, in programs that use processes

    cf::ThreadPoolExecutor threads({.max_workers = 3});
    cf::Future<int> answer = threads.submit(square, 12);
    std::cout << "12 squared is " << answer.result() << '\n';
    for (int y : threads.map(square, std::vector{1, 2, 3})) std::cout << y << ' ';

    cf::ProcessPoolExecutor processes({.max_workers = 3});
    std::cout << "\n13 squared is " << processes.submit(square, 13).result() << '\n';
    try {
        processes.submit(square, 1'000'000).result();
    } catch (const std::domain_error& error) {
        std::cout << "and a million? " << error.what() << '\n';
    }
}
