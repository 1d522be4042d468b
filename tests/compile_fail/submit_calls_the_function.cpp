// expect-error: write submit\(f, x\)
// SPDX-License-Identifier: MIT
#include <concurrent/futures/thread_pool_executor.hpp>

int square(int n) { return n * n; }

int main() {
    concurrent::futures::ThreadPoolExecutor pool(1);
    pool.submit(square(3));
}
