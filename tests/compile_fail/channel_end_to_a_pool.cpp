// expect-error: the end of a channel does not cross to the worker of a pool
// SPDX-License-Identifier: MIT
//
// A channel's end inside an argument of a pool's call.
#include <concurrent/futures/channel.hpp>
#include <concurrent/futures/process_pool_executor.hpp>

#include <vector>

namespace cf = concurrent::futures;

void work(std::vector<cf::Sender<int>>) {}

void submit(cf::ProcessPoolExecutor& pool) { pool.submit(work, std::vector<cf::Sender<int>>()); }
