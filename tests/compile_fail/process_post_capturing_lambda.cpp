// expect-error: this callable cannot cross to another process. Pass what a lambda captures as arguments instead
// SPDX-License-Identifier: MIT
//
// post() has the same rules as submit().
#include <concurrent/futures/process_pool_executor.hpp>

#include <string>

namespace cf = concurrent::futures;

void post(cf::ProcessPoolExecutor& pool, const std::string& word) {
    pool.post([word] { static_cast<void>(word.size()); });
}
