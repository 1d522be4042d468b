// expect-error: (string_view|view).*(return|std::string)
// SPDX-License-Identifier: MIT
//
// A string_view as a result.
#include <concurrent/futures/process_pool_executor.hpp>

#include <string_view>

namespace cf = concurrent::futures;

std::string_view name() { return "name"; }

void submit(cf::ProcessPoolExecutor& pool) { pool.submit(name); }
