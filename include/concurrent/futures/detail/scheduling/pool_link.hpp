// SPDX-License-Identifier: MIT
//
// pool_link.hpp: one word in a task of a thread pool: which pool it belongs to, whether the task keeps the pool alive,
// and, if the pool has an observer, what the observer is told about the task.
//
//     bit 0      kept: the task holds a reference to the pool
//     bit 1      watched: the rest is the address of a Watched, which has the address of the pool
//     the rest   the address of the pool, or of the Watched
//
// So tasks of a pool without an observer need no memory for one.
#pragma once

#include <cstdint>
#include <string_view>

#include "concurrent/futures/detail/memory/block_allocator.hpp"
#include "concurrent/futures/detail/scheduling/worker_threads.hpp"
#include "concurrent/futures/detail/state/pool_watch.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class PoolLink {
  public:
    /// `name`: of the library's own tasks; empty for tasks of the user. Throws std::bad_alloc.
    PoolLink(WorkerThreads& pool, bool keep, std::string_view name)
        : word_(pool.tables().watch ? reinterpret_cast<std::uintptr_t>(new Watched(pool, name)) | watched
                             : reinterpret_cast<std::uintptr_t>(&pool)) {
        if (!keep) return;
        word_ |= kept;
        pool.retain();
    }
    PoolLink(const PoolLink&) = delete;
    PoolLink& operator=(const PoolLink&) = delete;

    WorkerThreads& pool() const noexcept {
        return word_ & watched ? address<Watched>()->pool : *address<WorkerThreads>();
    }
    bool keeps_pool() const noexcept { return word_ & kept; }
    /// Null: the pool has no observer.
    WatchedCall* watch() const noexcept { return word_ & watched ? &address<Watched>()->call : nullptr; }
    /// To be called last, instead of a destructor. The pool may be gone afterwards.
    void let_go() noexcept {
        WorkerThreads* const pool_kept = keeps_pool() ? &pool() : nullptr;
        if (word_ & watched) delete address<Watched>();
        if (pool_kept) pool_kept->release();
    }

  private:
    struct Watched : BlockAllocated {
        Watched(WorkerThreads& its_pool, std::string_view name) : pool(its_pool), call(its_pool.tables().watch, name) {}
        WorkerThreads& pool;
        WatchedCall call;
    };
    static constexpr std::uintptr_t kept = 1, watched = 2;

    template <class T>
    T* address() const noexcept {
        return reinterpret_cast<T*>(word_ & ~(kept | watched));
    }

    std::uintptr_t word_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
