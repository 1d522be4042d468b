// expect-error: Asio's functions have captures and cannot cross to another process
// SPDX-License-Identifier: MIT
#include <concurrent/futures/asio.hpp>
#include <concurrent/futures/process_pool_executor.hpp>

namespace cf = concurrent::futures;

auto executor_of(cf::ProcessPoolExecutor& pool) { return cf::asio_executor(pool); }
