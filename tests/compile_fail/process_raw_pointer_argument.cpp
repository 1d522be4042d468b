// expect-error: a raw pointer means nothing in another process
// SPDX-License-Identifier: MIT
//
// A pointer as an argument.
#include <concurrent/futures/process_pool_executor.hpp>

namespace cf = concurrent::futures;

int value_at(int* n) { return *n; }

void submit(cf::ProcessPoolExecutor& pool, int n) { pool.submit(value_at, &n); }
