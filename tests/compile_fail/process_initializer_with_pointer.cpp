// expect-error: a raw pointer means nothing in another process
// SPDX-License-Identifier: MIT
//
// bind_task() has the same rules as submit().
#include <concurrent/futures/process_pool_executor.hpp>

namespace cf = concurrent::futures;

void start(int* n) { *n = 1; }

cf::BoundTask bind(int* n) { return cf::bind_task(start, n); }
