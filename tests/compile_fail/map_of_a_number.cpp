// expect-error: what follows f must be ranges
// SPDX-License-Identifier: MIT
#include <concurrent/futures/thread_pool_executor.hpp>

int main() {
    concurrent::futures::ThreadPoolExecutor pool(1);
    pool.map([](int n) { return n; }, 5);
}
