// expect-error: written cf::bind_task\(f, args
// SPDX-License-Identifier: MIT
#include <concurrent/futures/process_pool_executor.hpp>

int main() { concurrent::futures::ProcessPoolExecutor pool({.initializer = [] {}}); }
