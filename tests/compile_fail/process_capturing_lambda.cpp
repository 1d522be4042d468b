// expect-error: this callable cannot cross to another process. Pass what a lambda captures as arguments instead
// SPDX-License-Identifier: MIT
//
// A lambda that captures a value.
#include <concurrent/futures/process_pool_executor.hpp>

#include <string>

namespace cf = concurrent::futures;

void submit(cf::ProcessPoolExecutor& pool, const std::string& word) {
    pool.submit([word](int n) { return word.size() + static_cast<std::size_t>(n); }, 1);
}
