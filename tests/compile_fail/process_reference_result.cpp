// expect-error: a reference to something in the worker process cannot come back: return the value
// SPDX-License-Identifier: MIT
//
// A reference as a result.
#include <concurrent/futures/process_pool_executor.hpp>

namespace cf = concurrent::futures;

int& global() {
    static int value = 0;
    return value;
}

void submit(cf::ProcessPoolExecutor& pool) { pool.submit(global); }
