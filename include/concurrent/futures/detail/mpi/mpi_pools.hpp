// SPDX-License-Identifier: MIT
//
// mpi_pools.hpp: the pools of an MPI job that have not ended, and their numbers. Guarded by the engine's mutex.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "concurrent/futures/detail/mpi/mpi_pool.hpp"
#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/platform/lock_rule.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Pool numbers have 32 bits in a frame. After 4 billion pools they start again, so those in use are skipped; 0 is none.
template <class IsUsed>
std::uint32_t next_pool_number(std::uint32_t last, IsUsed is_used) {
    do ++last;
    while (last == 0 || is_used(last));
    return last;
}

class MpiPools {
  public:
    using Pool = std::shared_ptr<MpiPool>;

    /// `rule`: of the engine's mutex.
    explicit MpiPools(const LockRule& rule) noexcept : rule_(rule) {}

    auto begin() const noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        return pools_.begin();
    }
    auto end() const noexcept { return pools_.end(); }
    bool empty() const noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        return pools_.empty();
    }

    /// Gives it a number that no rank still uses for another one.
    void add(const Pool& pool) {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        last_ = next_pool_number(last_, [this](std::uint32_t number) { return find(number) != nullptr; });
        pool->number = last_;
        pools_.push_back(pool);
    }
    void remove(const Pool& pool) noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        std::erase(pools_, pool);
    }
    /// Null: it has ended.
    Pool find(std::uint32_t number) const noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        for (const Pool& pool : pools_)
            if (pool->number == number) return pool;
        return nullptr;
    }
    Pool find(const MpiPool& pool) const noexcept { return find(pool.number); }
    /// The one with the next number; null: there is none.
    Pool after(std::uint32_t number) const noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        Pool next;
        for (const Pool& pool : pools_)
            if (pool->number > number && (!next || pool->number < next->number)) next = pool;
        return next;
    }
    bool any_closed() const noexcept {
        return std::any_of(begin(), end(), [](const Pool& pool) { return pool->is_closed(); });
    }
    bool any_has_new() const noexcept {
        return std::any_of(begin(), end(), [](const Pool& pool) { return pool->queue.intake.has_tasks(); });
    }

  private:
    const LockRule& rule_;
    std::vector<Pool> pools_;
    std::uint32_t last_ = 0;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
