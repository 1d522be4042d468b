// SPDX-License-Identifier: MIT
//
// default_pool.hpp: one pool of threads for the whole program, for code that would write std::async.
//
//     cf::Future<int> answer = cf::default_pool().submit(work, 12);    // std::async(std::launch::async, work, 12)
//
// It has available_parallelism() workers, and is made by the first call. At the end of the program, after main, it ends its
// queued work and joins its threads: as any static object, after those that were made later. Do not shut it down: other
// code uses it too. Not for work that blocks for long, which deserves a pool of its own. In a child made by fork()
// without exec, submit() throws BrokenThreadPool if the parent had called default_pool().
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
