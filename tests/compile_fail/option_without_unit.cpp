// expect-error: a duration needs a unit
// SPDX-License-Identifier: MIT
#include <concurrent/futures/thread_pool_executor.hpp>

int main() { concurrent::futures::ThreadPoolExecutor pool({.idle_timeout = 5}); }
