// expect-error: the delay comes before f
// SPDX-License-Identifier: MIT
#include <chrono>
#include <concurrent/futures/thread_pool_executor.hpp>
#include <concurrent/futures/timers.hpp>

int main() {
    concurrent::futures::ThreadPoolExecutor pool(1);
    concurrent::futures::submit_after(pool, [] {}, std::chrono::seconds(1));
}
