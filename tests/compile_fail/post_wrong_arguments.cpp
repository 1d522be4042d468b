// expect-error: f cannot be called with copies of args
// SPDX-License-Identifier: MIT
#include <concurrent/futures/thread_pool_executor.hpp>

int main() {
    concurrent::futures::ThreadPoolExecutor pool(1);
    pool.post([](int) {});
}
