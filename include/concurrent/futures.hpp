// SPDX-License-Identifier: MIT
//
// futures.hpp: everything. Run functions on threads or in processes, get their results as futures.
//
//     namespace cf = concurrent::futures;
//     cf::ThreadPoolExecutor pool;
//     cf::Future<int> answer = pool.submit([] { return 6 * 7; });
//     answer.result();
//
// Reading order: future, thread_pool_executor, process_pool_executor, executor, then the rest.
// Words: a task is a function with its arguments that you submit; a worker is a thread or a process that runs tasks;
// the outcome of a task is its value or its exception. All terms: .github/CONTRIBUTING.md;
// terms of the code: docs/design/README.md.
#pragma once

#include "concurrent/futures/detail/platform/process_requirements.hpp"
// First, so that few lines "included from" stand above the message for a type that cannot cross.
#include "concurrent/futures/serialization.hpp"

#include "concurrent/futures/algorithm.hpp"
#include "concurrent/futures/any_executor.hpp"
#include "concurrent/futures/as_completed.hpp"
#include "concurrent/futures/bind_task.hpp"
#include "concurrent/futures/broadcast.hpp"
#include "concurrent/futures/channel.hpp"
#include "concurrent/futures/coroutine.hpp"
#include "concurrent/futures/default_pool.hpp"
#include "concurrent/futures/errors.hpp"
#include "concurrent/futures/executor.hpp"
#include "concurrent/futures/find.hpp"
#include "concurrent/futures/future.hpp"
#include "concurrent/futures/inline_executor.hpp"
#include "concurrent/futures/map_results.hpp"
#include "concurrent/futures/observer.hpp"
#include "concurrent/futures/options.hpp"
#include "concurrent/futures/or_else.hpp"
#include "concurrent/futures/parallelism.hpp"
#include "concurrent/futures/process.hpp"
#include "concurrent/futures/process_main.hpp"
#include "concurrent/futures/process_pool_executor.hpp"
#include "concurrent/futures/promise.hpp"
#include "concurrent/futures/scan.hpp"
#include "concurrent/futures/shared_array.hpp"
#include "concurrent/futures/sort.hpp"
#include "concurrent/futures/thread_pool_executor.hpp"
#include "concurrent/futures/this_worker.hpp"
#include "concurrent/futures/timers.hpp"
#include "concurrent/futures/version.hpp"
#include "concurrent/futures/wait.hpp"
#include "concurrent/futures/worker_limits.hpp"
#include "concurrent/futures/when_all.hpp"
