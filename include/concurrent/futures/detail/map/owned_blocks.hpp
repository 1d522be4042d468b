// SPDX-License-Identifier: MIT
//
// owned_blocks.hpp: blocks of consecutive short items, each run by one thread, its owner, until another thread takes the
// rest away.
//
//     owner                                           taker, with the lock of MapSchedule
//     run item; store its state                       call(block)
//     light_barrier()                                 heavy_barrier()
//     was it called? then read the end, with the lock first_free(): the item after the first one without a state
//     next item                                       end_at(block, …): the owner's end
//
// So an item costs its owner a store and a load, not an atomic addition as in Strips. Still, an item that blocks holds back no
// other. Needs has_asymmetric_barrier(). Who calls: MapSchedule::take_from_owner(), take_owned(), call_owners_of().
//
// Proof that an item runs once. Let i be the first item whose state the taker does not see. The owner stores the state of
// i after the barrier (otherwise the taker would have seen it). So when the owner looks after i, it sees the call, takes the
// lock, and learns its new end, which is at least i + 1. The taker takes nothing before i + 1, and the owner begins i + 1 only
// after that look.
//
// Proof that no waiter is forgotten. The waiter names the item with the lock of MapSchedule held before or after the owner
// took the block. Before: the owner has seen the name with the lock. After: the waiter calls, passes a heavy barrier and
// looks at the state once more. Either it sees the state, or the owner stores it after the barrier, sees the call, and
// tells the waiter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "concurrent/futures/detail/platform/asymmetric_barrier.hpp"
#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/bounds.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class OwnedBlocks {
  public:
    /// How often the owner of a block has been called.
    class Calls {
      public:
        std::uint32_t number() const noexcept {
            // (2) relaxed, pairs with (1): the barriers order it.
            return number_.load(std::memory_order_relaxed);
        }

      private:
        friend OwnedBlocks;
        void add() noexcept {
            // (1) relaxed, pairs with (2): the barriers order it.
            number_.fetch_add(1, std::memory_order_relaxed);
        }
        Atomic<std::uint32_t> number_{0};
    };

    /// `stride`: items that belong together; each block begins at a multiple of it.
    OwnedBlocks(std::size_t count, std::uint32_t stride) : stride_(stride), blocks_(count) {}

    std::size_t size() const noexcept { return blocks_.size(); }

    // All with the lock.

    void own(std::size_t number, std::uint32_t begin, std::uint32_t end) noexcept {
        blocks_[number].begin = begin;
        blocks_[number].end = end;
    }
    void disown(std::size_t number) noexcept { own(number, 0, 0); }
    bool has(std::size_t number, std::uint32_t item) const noexcept {
        return item >= blocks_[number].begin && item < blocks_[number].end;
    }
    bool is_empty(std::size_t number) const noexcept { return blocks_[number].begin == blocks_[number].end; }
    std::uint32_t begin(std::size_t number) const noexcept { return blocks_[number].begin; }
    std::uint32_t end(std::size_t number) const noexcept { return blocks_[number].end; }
    void end_at(std::size_t number, std::uint32_t end) noexcept { blocks_[number].end = end; }

    /// The owner is to ask. A heavy barrier follows.
    void call(std::size_t number) noexcept { blocks_[number].calls.add(); }
    /// Behind the barrier: the first item that may be taken away, or the end. Before it, a guess. `ended(item)`: it has a
    /// state. The items of a block get theirs in order.
    template <class Ended>
    std::uint32_t first_free(std::size_t number, Ended ended) const noexcept {
        std::uint32_t low = blocks_[number].begin, high = blocks_[number].end;
        while (low < high) {
            const std::uint32_t middle = low + (high - low) / 2;
            if (ended(middle)) low = middle + 1;
            else high = middle;
        }
        const std::uint32_t behind = low + stride_ - low % stride_;
        return smaller(behind, blocks_[number].end);
    }

    /// The owner looks here, behind a light barrier, after each item.
    const Calls& calls_of(std::size_t number) const noexcept { return blocks_[number].calls; }

  private:
    struct alignas(64) Block {
        Calls calls;
        std::uint32_t begin = 0, end = 0;
    };

    const std::uint32_t stride_;
    std::vector<Block> blocks_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
