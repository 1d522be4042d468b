// expect-error: so f must take it by value or const reference
// SPDX-License-Identifier: MIT
#include <concurrent/futures/thread_pool_executor.hpp>
#include <vector>

int main() {
    concurrent::futures::ThreadPoolExecutor pool(1);
    std::vector<int> numbers{1, 2, 3};
    pool.map([](int& n) { ++n; }, numbers);
}
