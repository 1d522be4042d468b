// SPDX-License-Identifier: MIT
//
// pool_memory.hpp: the memory that a process pool shares with its workers: large arguments and results lie there
// (payload_arena.hpp), and arguments name more of it (region_exchange.hpp).
//
// The bytes of a large task are freed when the task has ended, even if its futures live on. Until then they may be needed
// again: for a retry, or for another worker. The same holds for the regions that the arguments name; the result takes
// them over, because it may name them, too. A second after the last large task, unused memory goes back to the system.
#pragma once

#include <cstdint>
#include <mutex>
#include <span>
#include <utility>

#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/file_descriptor.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/detail/processes/region_exchange.hpp"
#include "concurrent/futures/detail/processes/worker_set.hpp"
#include "concurrent/futures/detail/wire/payload_arena.hpp"
#include "concurrent/futures/detail/wire/pool_descriptors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class PoolMemory {
  public:
    using Time = std::chrono::steady_clock::time_point;

    PoolMemory() = default;
    PoolMemory(const PoolMemory&) = delete;
    PoolMemory& operator=(const PoolMemory&) = delete;

    /// `changes` is notified when a region of this process is gone.
    void open(WakeUp& changes) {
        {
            PoolDescriptors& descriptors = PoolDescriptors::instance();
            const std::lock_guard lock(descriptors.mutex);
            arena_ = PayloadArena::over(SharedMemory::make(shared_memory_reservation(), SharedMemory::Access::write));
        }
        SharedRegions::instance().watch(changes);
    }
    static void close(WakeUp& changes) noexcept { SharedRegions::instance().stop_watching(changes); }

    /// Where large calls are encoded; null: in the heap.
    PayloadArena* arena() const noexcept { return arena_.get(); }

    // With the pool's mutex.

    /// A call or a result was large.
    void note_large(Time now) noexcept { trim_at_ = now + patience; }
    /// When trim() has something to do; `Time{}`: never.
    Time trim_at() const noexcept { return trim_at_; }
    bool keeps_unused() const noexcept { return trim_at_ != Time{}; }
    void trim(WorkerSet& workers) {
        if (!keeps_unused() || std::chrono::steady_clock::now() < trim_at_) return;
        trim_at_ = {};
        arena_->trim();
        for (const auto& link : workers) {
            if (!link->keeps_memory || !link->life.is_ready()) continue;
            link->keeps_memory = false;
            link->queue_frame(make_header(FrameType::trim, 0), {});
        }
    }
    /// Workers keep what they were given of a region until they are told.
    void forget_dead_regions(WorkerSet& workers) {
        const std::uint64_t deaths = SharedRegions::instance().deaths();
        if (std::exchange(deaths_seen_, deaths) == deaths) return;
        for (const auto& link : workers) {
            if (!link->life.is_open()) continue;
            link->regions.forget_dead([&](const RegionNumber& number) {
                link->queue_frame(make_header(FrameType::forget, sizeof number),
                                  std::as_bytes(std::span(&number, 1)));
            });
        }
    }

  private:
    static constexpr auto patience = tuning::large_memory_kept;

    PayloadHandle<PayloadArena> arena_;
    Time trim_at_{};
    std::uint64_t deaths_seen_ = 0;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
