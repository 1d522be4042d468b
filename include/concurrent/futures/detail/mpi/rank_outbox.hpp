// SPDX-License-Identifier: MIT
//
// rank_outbox.hpp: what a rank will send to the root: results, tasks that it gives back, failures.
//
//     outbox.add(FrameType::result, task, lane, bytes, nanoseconds);    // any thread
//     if (Outgoing out = outbox.take(); !out.empty()) …send it…
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <span>
#include <utility>

#include "concurrent/futures/detail/mpi/frame_batch.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class RankOutbox {
  public:
    /// A large `body` is not copied: `owner` keeps it until it is sent.
    void add(FrameType type, std::uint64_t task, std::size_t lane, std::span<const std::byte> body,
             std::int64_t nanoseconds = 0, ByteBuffer owner = {}) {
        const auto most = std::int64_t{(std::numeric_limits<std::uint32_t>::max)()};
        const std::lock_guard lock(mutex_);
        out_.add(type, task, lane, body, static_cast<std::uint32_t>((std::min)(nanoseconds, most)), std::move(owner));
    }
    Outgoing take() {
        const std::lock_guard lock(mutex_);
        return std::exchange(out_, Outgoing());
    }
    /// Bytes; the largest number if there is a large body.
    std::size_t size() {
        const std::lock_guard lock(mutex_);
        return out_.bulks.empty() ? out_.batch.size() : (std::numeric_limits<std::size_t>::max)();
    }

  private:
    std::mutex mutex_;
    Outgoing out_;  // guarded by mutex_
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
