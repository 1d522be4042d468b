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
#include <type_traits>

#include "concurrent/futures/detail/memory/block_allocator.hpp"
#include "concurrent/futures/detail/platform/fork_generation.hpp"
#include "concurrent/futures/detail/scheduling/worker_threads.hpp"
#include "concurrent/futures/detail/state/pool_watch.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class PoolLink {
  public:
    /// `name`: of the library's own tasks; empty for tasks of the user. Throws std::bad_alloc.
    PoolLink(WorkerThreads& pool, bool keep, std::string_view name)
        : word_(pool.tables().watch ? reinterpret_cast<std::uintptr_t>(new Watched(pool, name)) | watched
                             : reinterpret_cast<std::uintptr_t>(&pool) | generation_bits(pool.tables().born.generation())) {
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
    /// This process is a fork of the one that made the pool. Of a fork of a fork and so on, 16 times, it is not known. Also when
    /// the pool is gone.
    bool pool_is_in_parent() const noexcept {
        const unsigned now = fork_generation();
        return word_ & watched ? address<Watched>()->born != now : (word_ & generation_mask) != generation_bits(now);
    }
    /// Null: the pool has no observer.
    WatchedCall* watch() const noexcept { return word_ & watched ? &address<Watched>()->call : nullptr; }
    /// To be called last, instead of a destructor. The pool may be gone afterwards.
    void let_go() noexcept {
        if (word_ & (kept | watched)) let_go_of_more();
    }

  private:
    struct Watched : BlockAllocated {
        Watched(WorkerThreads& its_pool, std::string_view name)
            : pool(its_pool), call(its_pool.tables().watch, name), born(its_pool.tables().born.generation()) {}
        WorkerThreads& pool;
        WatchedCall call;
        const unsigned born;  // the fork_generation() of the pool
    };
    // What is free in the address of a pool. A record of an observed task has its own place for the generation.
    static constexpr std::uintptr_t kept = 1, watched = 2, generation_mask = 15 << 2;
    static_assert(alignof(WorkerThreads) > (kept | watched | generation_mask));

    static std::uintptr_t generation_bits(unsigned generation) noexcept {
        return std::uintptr_t{generation} << 2 & generation_mask;
    }

    [[gnu::noinline]] void let_go_of_more() noexcept {
        WorkerThreads* const pool_kept = keeps_pool() ? &pool() : nullptr;
        if (word_ & watched) delete address<Watched>();
        if (pool_kept) pool_kept->release();
    }
    template <class T>
    T* address() const noexcept {
        return reinterpret_cast<T*>(word_ & ~(std::is_same_v<T, Watched> ? kept | watched : kept | watched | generation_mask));
    }

    std::uintptr_t word_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
