// expect-error: are they in this order
// SPDX-License-Identifier: MIT
#include <concurrent/futures/algorithm.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>
#include <functional>
#include <vector>

int main() {
    concurrent::futures::ThreadPoolExecutor pool(1);
    concurrent::futures::transform_reduce(pool, std::vector{1, 2}, 0, [](int n) { return n; }, std::plus<>());
}
