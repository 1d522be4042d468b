// expect-only-error: concurrent_futures needs C\+\+20
// compile-with: -std=gnu++17
// SPDX-License-Identifier: MIT
//
// The same with a single header.
#include <concurrent/futures/thread_pool_executor.hpp>

int main() {
    concurrent::futures::ThreadPoolExecutor pool;
}
