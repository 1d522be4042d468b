// expect-error: deleted
// SPDX-License-Identifier: MIT
#include <concurrent/futures/thread_pool_executor.hpp>

int main() {
    concurrent::futures::ThreadPoolExecutor pool(1);
    concurrent::futures::ThreadPoolExecutor copy(pool);
}
