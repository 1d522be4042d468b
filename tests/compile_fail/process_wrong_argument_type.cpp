// expect-error: submit\(f, args...\): an argument cannot be converted to the type of f's parameter
// SPDX-License-Identifier: MIT
//
// An argument of the wrong type.
#include <concurrent/futures/process_pool_executor.hpp>

#include <string>

namespace cf = concurrent::futures;

int square(int n) { return n * n; }

void submit(cf::ProcessPoolExecutor& pool) { pool.submit(square, std::string("two")); }
