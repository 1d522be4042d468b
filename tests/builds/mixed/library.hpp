// SPDX-License-Identifier: MIT
#pragma once

#include <concurrent/futures/thread_pool_executor.hpp>

int ask(concurrent::futures::ThreadPoolExecutor& pool);
concurrent::futures::Future<int> make_future();  // no parameter tells how it was compiled
