// SPDX-License-Identifier: MIT
//
// process_manager_payloads.hpp: what ProcessManager does about large calls and results, which lie in shared
// memory (payload_arena.hpp), and about memory that calls name (region_exchange.hpp). Included by
// process_manager.hpp, where the class and its picture are.
//
// The bytes of a large call are freed when the call has ended, though its futures live on. Until then they
// may be needed again: for a retry, or for another worker. So are the regions that a call names kept; the result
// takes them over, as it may name them, too.
#pragma once


#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/processes/process_manager.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

inline void ProcessManager::make_payload_memory() {
    {
        PoolDescriptors& descriptors = PoolDescriptors::instance();
        const std::lock_guard lock(descriptors.mutex);
        payloads_ = PayloadArena::over(
            SharedMemory::make(shared_memory_reservation(), SharedMemory::Access::write));
    }
    SharedRegions::instance().watch(wake_up_);
}

inline ByteBuffer copy_of(std::span<const std::byte> bytes) {
    Encoder encoder;
    encoder.write_bytes(bytes.data(), bytes.size());
    return std::move(encoder).take();
}

/// Before the delivery: whoever waits for this call and then makes the next one finds this one's memory.
///
/// A codec may look twice at the same bytes, and trust the second time what it checked the first time. So a
/// body that its sender could change meanwhile is copied before that.
inline void ProcessManager::free_payloads(RemoteTask& task, Ending& ending) noexcept {
    if (ending.body.is_stored() && !task.reads_result_once()) {
        try {
            ByteBuffer copy = copy_of(ending.body.bytes());
            for (auto& region : ending.body.take_named()) copy.keep(std::move(region));
            ending.body = std::move(copy);
        } catch (...) {
            ending.body = ByteBuffer();
            ending.kind = Ending::Kind::failure;
            ending.error = std::make_exception_ptr(std::bad_alloc());
        }
    }
    if (task.call().is_lent() && task.call().named().empty()) return;
    const std::lock_guard lock(mutex_);  // another worker may have it, or be about to get it
    if (ending.kind == Ending::Kind::none && task.stage != RemoteTask::Stage::revoked) return;
    task.drop_call(ending.body);
}

/// With the lock. Workers keep what they were given of it; see region_exchange.hpp.
inline void ProcessManager::forget_dead_regions() {
    const std::uint64_t deaths = SharedRegions::instance().deaths();
    if (std::exchange(region_deaths_seen_, deaths) == deaths) return;
    for (const auto& link : links_) {
        if (link->ended || link->phase == WorkerLink::Phase::retiring) continue;
        link->regions.forget_dead([&](const RegionNumber& number) {
            link->queue_frame(make_header(FrameType::forget, sizeof number),
                              std::as_bytes(std::span(&number, 1)));
        });
    }
}

/// With the lock. A call or a result was large, and now none has been for a while.
inline void ProcessManager::trim_payloads() {
    constexpr std::chrono::steady_clock::time_point none{};
    if (trim_at_ == none || std::chrono::steady_clock::now() < trim_at_ || forced_) return;
    trim_at_ = none;
    payloads_->trim();
    for (const auto& link : links_) {
        if (!link->keeps_memory || link->phase != WorkerLink::Phase::ready || link->ended) continue;
        link->keeps_memory = false;
        link->queue_frame(make_header(FrameType::trim, 0), {});
    }
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
