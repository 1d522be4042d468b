// SPDX-License-Identifier: MIT
//
// default_pool.hpp: one pool of threads for the whole program, for code that would otherwise use std::async.
//
//     cf::Future<int> answer = cf::default_pool().submit(work, 12);    // std::async(std::launch::async, work, 12)
//
// The first call makes the pool. It has available_parallelism() workers. It is a static object: after main, it runs what
// is queued and joins its threads, before static objects that were made earlier are destroyed. Do not shut it down: other
// code uses it too. Give work that blocks for long a pool of its own. In a child made by fork() without exec, submit()
// throws BrokenThreadPool if the parent had called default_pool().
// Threads: any. Each shared library that hides its symbols has a default pool of its own.
#pragma once

#include "concurrent/futures/detail/platform/requirements.hpp"

#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/thread_pool_executor.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

/// The same pool for every caller. Starts no thread yet.
inline ThreadPoolExecutor& default_pool() {
    static ThreadPoolExecutor pool(ThreadPoolOptions{.thread_name_prefix = "default"});
    return pool;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
