// expect-error: write std::move\(x\) to hand x over
// SPDX-License-Identifier: MIT
#include <concurrent/futures/thread_pool_executor.hpp>
#include <memory>

int main() {
    concurrent::futures::ThreadPoolExecutor pool(1);
    auto number = std::make_unique<int>(1);
    pool.submit([](std::unique_ptr<int> n) { return *n; }, number);
}
