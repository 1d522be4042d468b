// SPDX-License-Identifier: MIT
//
// worker_home.hpp: which worker of a thread pool the calling thread is, also if a shared library asks.
//
// Shared libraries may each have a copy of this code and of `this_worker`. Workers are started, and asked for, in the
// module that made the pool: the pool keeps pointers to that module's code. Threads: any.
#pragma once

#include "concurrent/futures/detail/scheduling/worker.hpp"
#include "concurrent/futures/detail/state/blocking.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class WorkerHome {
  public:
    /// Workers run code of the module that this is compiled into, and so have the same `this_worker`.
    bool is_of_this_module() const noexcept { return worker_ == &worker_here; }
    /// The calling worker, if it is one of this pool's, or null.
    Worker* current_worker(const WorkerThreads& pool) const noexcept {
        if (this_worker) return current_worker_of(&pool);
        return is_of_this_module() ? nullptr : worker_of_other_module(pool);
    }
    /// As current_worker(), of a pool of this module that may be gone.
    static Worker* current_worker_of(const WorkerThreads* pool) noexcept { return worker_of(pool, this_worker); }

  private:
    static Worker* worker_of(const WorkerThreads* pool, BlockingWorker* here) noexcept {
        auto* const worker = static_cast<Worker*>(here);
        return worker && &worker->pool == pool ? worker : nullptr;
    }
    [[gnu::noinline]] Worker* worker_of_other_module(const WorkerThreads& pool) const noexcept {
        return worker_of(&pool, worker_());
    }
    static BlockingWorker* worker_here() noexcept { return this_worker; }

    BlockingWorker* (*const worker_)() noexcept = &worker_here;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
