// expect-error: std::function, std::bind and std::ref cannot cross
// SPDX-License-Identifier: MIT
//
// A std::function.
#include <concurrent/futures/process_pool_executor.hpp>

#include <functional>

namespace cf = concurrent::futures;

void submit(cf::ProcessPoolExecutor& pool, const std::function<int(int)>& call) {
    pool.submit(call, 1);
}
