// SPDX-License-Identifier: MIT
//
// this_worker.hpp: which worker of a pool runs this code, for initializers and tasks.
//
//     const std::size_t number = cf::this_worker::index().value();   // in a task or an initializer
//     scratch[number].clear();                                        // no other worker uses it now
//
// A thread that starts in the place of one that has ended takes over its number, so the numbers stay small: below
// max_workers, plus the substitutes that worked at once (thread_pool_executor.hpp). In a process pool a worker that is
// leaving keeps its number until its process has ended, so its successor may have the next free one.
// A task that waits for another one of its pool without a limit may run it on its own stack: both then see the same
// number, and what the waiting task keeps under it must allow that.
// Whether a thread is a worker of a certain pool: ThreadPoolExecutor::in_worker().
// Threads: any.
#pragma once

#include "concurrent/futures/detail/platform/requirements.hpp"

#include <cstddef>
#include <optional>

#include "concurrent/futures/detail/state/blocking.hpp"
#include "concurrent/futures/detail/state/worker_number.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::this_worker {

/// 0, 1, …: the number of the worker that the calling thread is. Of a thread of a ThreadPoolExecutor, also inside of a
/// worker process: its number in that pool. Of every other thread of a worker process: the number of the process in its
/// pool. Empty in all other threads, and on MPI ranks, which MPI numbers. Workers of one pool that are
/// alive at one time have different numbers.
inline std::optional<std::size_t> index() noexcept {
    if (const detail::BlockingWorker* const worker = detail::this_worker) return worker->number();
    return detail::worker_number_of_this_process;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::this_worker
