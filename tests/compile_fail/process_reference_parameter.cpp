// expect-error: a parameter of type T& cannot refer to anything in this process: take T or const T&, and return what was changed
// SPDX-License-Identifier: MIT
//
// A parameter that the call would change.
#include <concurrent/futures/process_pool_executor.hpp>

namespace cf = concurrent::futures;

void increment(int& n) { ++n; }

void submit(cf::ProcessPoolExecutor& pool, int n) { pool.submit(increment, n); }
