// expect-error: a view owns nothing, so it cannot be a result or a stored value: write std::string
// SPDX-License-Identifier: MIT
//
// A string_view as a result.
#include <concurrent/futures/process_pool_executor.hpp>

#include <string_view>

namespace cf = concurrent::futures;

std::string_view name() { return "name"; }

void submit(cf::ProcessPoolExecutor& pool) { pool.submit(name); }
