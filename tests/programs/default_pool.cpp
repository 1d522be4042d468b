// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^result: 81$
// expect-output: ^one pool: yes$
// expect-output: ^at the end: 100$
// expect-no-output: unhandled|terminate
//
// default_pool() is one pool for the whole program, and ends its queued work after main.
#include <concurrent/futures/default_pool.hpp>

#include <cstdio>

namespace cf = concurrent::futures;

static int square(int n) { return n * n; }

int main() {
    std::printf("result: %d\n", cf::default_pool().submit(square, 9).result());
    std::printf("one pool: %s\n", &cf::default_pool() == &cf::default_pool() ? "yes" : "no");
    for (int i = 0; i < 20; ++i) cf::default_pool().post(square, i);
    cf::default_pool().post([] { std::printf("at the end: %d\n", square(10)); });
}
