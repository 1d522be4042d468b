// expect-error: submit\(f, args...\): f cannot be called with copies of args
// SPDX-License-Identifier: MIT
//
// One argument too many.
#include <concurrent/futures/process_pool_executor.hpp>

namespace cf = concurrent::futures;

int square(int n) { return n * n; }

void submit(cf::ProcessPoolExecutor& pool) { pool.submit(square, 1, 2); }
