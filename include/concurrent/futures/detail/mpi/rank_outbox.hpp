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
#include "concurrent/futures/detail/platform/assert.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class RankOutbox {
  public:
    /// `body` is copied: less than bulk_from bytes.
    void add(FrameType type, std::uint64_t task, std::size_t lane, std::span<const std::byte> body,
             std::int64_t nanoseconds = 0) {
        CONCURRENT_FUTURES_ASSERT(body.size() < bulk_from);
        const std::lock_guard lock(mutex_);
        out_.add(type, task, lane, body, as_extra(nanoseconds));
    }
    /// A body of any size. A large one is not copied, and kept until it is sent.
    void add_own(FrameType type, std::uint64_t task, std::size_t lane, ByteBuffer body, std::int64_t nanoseconds = 0) {
        const std::span bytes = body.bytes();
        const std::lock_guard lock(mutex_);
        out_.add(type, task, lane, bytes, as_extra(nanoseconds), std::move(body));
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
    static std::uint32_t as_extra(std::int64_t nanoseconds) noexcept {
        const auto most = std::int64_t{(std::numeric_limits<std::uint32_t>::max)()};
        return static_cast<std::uint32_t>((std::min)(nanoseconds, most));
    }

    std::mutex mutex_;
    Outgoing out_;  // guarded by mutex_
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
