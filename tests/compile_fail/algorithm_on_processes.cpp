// expect-error: work on the caller's memory, which workers in other processes do not have
// SPDX-License-Identifier: MIT
//
// A loop in place over memory that the workers do not have.
#include <concurrent/futures/algorithm.hpp>
#include <concurrent/futures/process_pool_executor.hpp>

#include <vector>

namespace cf = concurrent::futures;

void twice(cf::ProcessPoolExecutor& pool, std::vector<int>& numbers) {
    cf::for_each(pool, numbers, [](int& n) { n *= 2; });
}
