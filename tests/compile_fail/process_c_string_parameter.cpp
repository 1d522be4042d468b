// expect-error: const char\* points into this process: write std::string
// SPDX-License-Identifier: MIT
//
// A parameter of type const char*.
#include <concurrent/futures/process_pool_executor.hpp>

namespace cf = concurrent::futures;

int length(const char* text) { return text[0]; }

void submit(cf::ProcessPoolExecutor& pool) { pool.submit(length, "text"); }
