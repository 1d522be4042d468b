// SPDX-License-Identifier: MIT
//
// rank_regions.hpp: the copies that a rank has of the root's memory (Broadcast), until the root says that they are not
// needed.
//
//     regions.announce(frame); regions.keep(frame);    // its name, then its bytes
//     regions.forget(frame);
//     regions.require_known(reply);                    // throws if a result names other memory
//
// Threads: frames are given to it by one at a time; require_known() may be called by others meanwhile.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <mutex>
#include <utility>

#include "concurrent/futures/detail/memory/shared_region.hpp"
#include "concurrent/futures/detail/mpi/frame_batch.hpp"
#include "concurrent/futures/detail/serialization/codecs.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class RankRegions {
  public:
    /// `is_root`: this process is the only rank and has all memory already.
    explicit RankRegions(bool is_root) noexcept : is_root_(is_root) {}

    void announce(const ReceivedFrame& frame) { next_ = read<RegionName>(frame); }
    void keep(const ReceivedFrame& frame) {
        if (frame.body.size() != next_.size) throw SerializationError("memory of an MPI pool of a wrong size");
        SharedBlock block = SharedBlock::draft(frame.body.size());
        std::memcpy(block.data(), frame.body.data(), frame.body.size());
        block.freeze(frame.body.size());
        auto region = SharedRegion::adopt(FileDescriptor(::dup(block.fd())), next_);
        const std::lock_guard lock(mutex_);
        regions_.push_back(std::move(region));
    }
    void forget(const ReceivedFrame& frame) {
        const auto number = read<RegionNumber>(frame);
        const std::lock_guard lock(mutex_);
        std::erase_if(regions_, [&](const auto& region) { return region->name().number == number; });
    }
    /// A result may name what the root has sent, and nothing else: memory of this machine is not the root's.
    void require_known(const Encoder& reply) {
        if (is_root_ || reply.named().empty()) return;
        const std::lock_guard lock(mutex_);
        for (const auto& region : reply.named())
            if (std::find(regions_.begin(), regions_.end(), region) == regions_.end())
                throw SerializationError(
                    "a Broadcast or SharedArray that was made in a task cannot be the result of an MPI pool: return "
                    "the value");
    }

  private:
    template <class T>
    static T read(const ReceivedFrame& frame) {
        T value;
        if (frame.body.size() != sizeof value) throw SerializationError("an MPI rank got a frame of a wrong size");
        std::memcpy(&value, frame.body.data(), sizeof value);
        return value;
    }

    const bool is_root_;
    RegionName next_{};
    std::mutex mutex_;
    SharedRegionList regions_;  // guarded by mutex_
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
