// expect-error: f cannot be called with one element of each range
// SPDX-License-Identifier: MIT
#include <concurrent/futures/thread_pool_executor.hpp>
#include <string>
#include <vector>

int main() {
    concurrent::futures::ThreadPoolExecutor pool(1);
    pool.map([](int n) { return n; }, std::vector<std::string>{"no number"});
}
