// SPDX-License-Identifier: MIT
//
// pool_closer.hpp: how an MPI pool that is shut down ends: its lanes run worker_exit and forget it. All by the engine
// thread, with the mutex.
//
//     closer.let_leave();                                 // pools with nothing left to run
//     MpiPools::Pool over = closer.end();                 // a pool that all lanes have left; destroyed without the mutex
#pragma once

#include "concurrent/futures/detail/mpi/hub_tables.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class PoolCloser {
  public:
    explicit PoolCloser(HubTables& hub) noexcept : hub_(hub) {}

    void let_leave() {
        CONCURRENT_FUTURES_ASSERT(hub_.rule.writable());
        if (hub_.completions.is_told_elsewhere()) return;
        for (const auto& pool : hub_.pools) {
            if (pool->stage() != MpiPool::Stage::closed || pool->in_flight != 0 || pool->queue.waiting() != 0) continue;
            static_cast<void>(hub_.next_queued(*pool));  // drops those that are cancelled
            pool->begin_to_leave();
            for (const RootLane* const lane : pool->started) {
                lane->peer.out.add(FrameType::stop, pool->number, lane->number, {}, pool->number);
                ++pool->leaving;
                ++hub_.awaited;
            }
        }
    }
    /// One pool, when nothing is left to be told; null: there is none. Needs no memory.
    MpiPools::Pool end() noexcept {
        CONCURRENT_FUTURES_ASSERT(hub_.rule.writable());
        for (MpiPools::Pool pool : hub_.pools) {
            if (pool->stage() != MpiPool::Stage::leaving || pool->leaving != 0) continue;
            pool->end();
            hub_.pools.remove(pool);
            hub_.changed.notify_all();
            return pool;
        }
        return nullptr;
    }

  private:
    HubTables& hub_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
