// SPDX-License-Identifier: MIT
//
// What the thread part can do, for platforms without processes. Prints "42" and returns 0.
#include <concurrent/futures/algorithm.hpp>
#include <concurrent/futures/as_completed.hpp>
#include <concurrent/futures/coroutine.hpp>
#include <concurrent/futures/inline_executor.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>
#include <concurrent/futures/wait.hpp>
#include <concurrent/futures/when_all.hpp>

#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <vector>

namespace cf = concurrent::futures;

namespace {

int square(int n) { return n * n; }

cf::Future<int> doubled(cf::ThreadPoolExecutor& pool) { co_return 2 * co_await pool.submit(square, 2); }

}  // namespace

int main() {
    cf::ThreadPoolExecutor pool({.max_workers = 2, .thread_name_prefix = "io"});
    int sum = 0;
    for (const int y : pool.map(square, std::vector{1, 2, 3})) sum += y;                    // 14
    std::vector<cf::Future<int>> futures{pool.submit(square, 1), pool.submit(square, 2)};
    for (auto& future : cf::as_completed(futures)) sum += future.result();                  // 19
    sum += static_cast<int>(cf::wait(futures, {.timeout = std::chrono::seconds(60)}).done.size());  // 21
    sum += doubled(pool).result();                                                          // 29
    const auto failed = pool.submit([]() -> int { throw std::domain_error("no"); });
    if (failed.exception()) sum += 1;                                                       // 30
    // A task that waits for others of its pool, on every worker.
    sum += pool.submit([&] { return pool.submit(square, 3).result() + pool.submit(square, 1).result(); }).result() + 2;
    std::printf("%d\n", sum);
    return sum == 42 ? 0 : 1;
}
