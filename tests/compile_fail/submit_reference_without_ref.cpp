// expect-error: write std::ref\(x\) to pass x by reference
// SPDX-License-Identifier: MIT
#include <concurrent/futures/thread_pool_executor.hpp>

int main() {
    concurrent::futures::ThreadPoolExecutor pool(1);
    int count = 0;
    pool.submit([](int& n) { ++n; }, count);
}
