// expect-error: this callable cannot cross to another process. Pass what a lambda captures as arguments
// SPDX-License-Identifier: MIT
//
// A lambda that captures by reference.
#include <concurrent/futures/process_pool_executor.hpp>

namespace cf = concurrent::futures;

void submit(cf::ProcessPoolExecutor& pool, int n) {
    pool.submit([&] { return n; });
}
