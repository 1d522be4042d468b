// expect-error: for two iterators std::ranges::subrange
// SPDX-License-Identifier: MIT
#include <concurrent/futures/algorithm.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>
#include <vector>

int main() {
    concurrent::futures::ThreadPoolExecutor pool(1);
    std::vector numbers{1, 2};
    concurrent::futures::for_each(pool, numbers.begin(), numbers.end(), [](int) {});
}
