// expect-error: a lambda that starts with \[&\] or \[=\] cannot cross to another process: write \[\]
// SPDX-License-Identifier: MIT
//
// A lambda that captures nothing, but could: it cannot be made again in the worker.
#include <concurrent/futures/process_pool_executor.hpp>

namespace cf = concurrent::futures;

void submit(cf::ProcessPoolExecutor& pool) {
    pool.submit([&] { return 1; });
}
