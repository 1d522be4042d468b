// SPDX-License-Identifier: MIT
//
// pool_closer.hpp: how an MPI pool that is shut down ends: its lanes run worker_exit and forget it. All by the engine
// thread, with the mutex.
//
//     closer.let_leave();                                 // pools with nothing left to run
//     std::vector<MpiPools::Pool> over = closer.end();    // pools that all lanes have left; destroyed without the mutex
#pragma once

#include <vector>

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
    /// When nothing is left to be told.
    std::vector<MpiPools::Pool> end() {
        CONCURRENT_FUTURES_ASSERT(hub_.rule.writable());
        std::vector<MpiPools::Pool> over;
        for (const auto& pool : hub_.pools)
            if (pool->stage() == MpiPool::Stage::leaving && pool->leaving == 0) over.push_back(pool);
        for (const auto& pool : over) {
            pool->end();
            hub_.pools.remove(pool);
        }
        if (!over.empty()) hub_.changed.notify_all();
        return over;
    }

  private:
    HubTables& hub_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
