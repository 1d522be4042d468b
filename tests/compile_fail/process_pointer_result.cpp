// expect-error: a raw pointer means nothing in another process
// SPDX-License-Identifier: MIT
//
// A pointer as a result.
#include <concurrent/futures/process_pool_executor.hpp>

namespace cf = concurrent::futures;

int* address() { return nullptr; }

void submit(cf::ProcessPoolExecutor& pool) { pool.submit(address); }
