// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^result: 81$
// expect-output: ^callback: 100$
// expect-no-output: unhandled|terminate
//
// A pool in a static object is destroyed after main, and ends its work first.
#include <concurrent/futures/process_pool_executor.hpp>

#include <cstdio>
#include <optional>

namespace cf = concurrent::futures;

static int square(int n) { return n * n; }

static std::optional<cf::ProcessPoolExecutor> pool;

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    pool.emplace(2);
    std::printf("result: %d\n", pool->submit(square, 9).result());
    for (int i = 0; i < 20; ++i) pool->post(square, i);
    pool->submit(square, 10).add_done_callback(
        [](const cf::Future<int>& ended) { std::printf("callback: %d\n", ended.result()); });
}
