// SPDX-License-Identifier: MIT
//
// manager_threads.hpp: how many threads of this process are manager threads of process pools.
//
//     ManagerThreads::count(1);       ManagerThreads::number();
//
// fork() is safe while there are no other threads: a manager thread holds no lock that a fork needs, see
// template_process.hpp. Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/fork_generation.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class ManagerThreads {
  public:
    static std::size_t number() noexcept {
        // relaxed: a thread counts itself before start() returns and after it has let go of all locks.
        const std::uint64_t seen = counted_.load(std::memory_order_relaxed);
        return seen >> 32 == fork_generation() ? static_cast<std::uint32_t>(seen) : 0;
    }
    /// One more, or one less.
    static void count(std::int32_t change) noexcept {
        const std::uint64_t generation = std::uint64_t{fork_generation()} << 32;
        // relaxed, both: see number().
        std::uint64_t seen = counted_.load(std::memory_order_relaxed);
        std::uint64_t next = 0;
        do {
            const std::uint64_t count = seen >> 32 == generation >> 32 ? seen & 0xffff'ffff : 0;
            next = generation | (count + static_cast<std::uint64_t>(change)) % (std::uint64_t{1} << 32);
            // relaxed: as above.
        } while (!counted_.compare_exchange_weak(seen, next, std::memory_order_relaxed, std::memory_order_relaxed));
    }

  private:
    /// The number below 2^32; above, the fork_generation() it belongs to: a fork does not inherit threads.
    inline static constinit Atomic<std::uint64_t> counted_{0};
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
