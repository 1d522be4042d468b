// SPDX-License-Identifier: MIT
//
// crossing.hpp: descriptors on their way to another process, beside the bytes that mention them.
//
//     sender                                             receiver
//     DescriptorsOut out;                                DescriptorsIn in(received);
//     encoder.encode(value);    // codecs add to `out`   decoder.decode<T>();     // codecs take from `in`
//     … send out.items(), then the bytes …
//     out.commit();             // now the ends are gone here
//
// What crosses so: the ends of channels, and shared memory that the bytes name (SharedArray, Broadcast).
// Threads: the scopes belong to the thread that encodes or decodes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/memory/shared_region.hpp"
#include "concurrent/futures/detail/platform/descriptor_socket.hpp"
#include "concurrent/futures/detail/wire/pool_descriptors.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// A message in a socket of descriptors: with a descriptor, or without one to wake the thread that waits there.
struct CrossingMessage {
    enum class Kind : std::uint64_t { wake, end, region };
    std::uint64_t value = 0;  // which one it belongs to
    Kind kind = Kind::wake;
    RegionName name{};  // region
};

/// What has given its descriptors away, once they have been sent.
class CrossingEnd {
  public:
    virtual void leave() noexcept = 0;

  protected:
    ~CrossingEnd() = default;
};

class DescriptorsOut {
  public:
    struct Item {
        CrossingMessage message;
        int fd;
    };

    DescriptorsOut() noexcept : outer_(std::exchange(current_, this)) {}
    DescriptorsOut(const DescriptorsOut&) = delete;
    DescriptorsOut& operator=(const DescriptorsOut&) = delete;
    ~DescriptorsOut() { current_ = outer_; }

    /// Those of the innermost scope. Throws SerializationError where there is none: in the task of a pool.
    static DescriptorsOut& current() {
        if (current_) return *current_;
        throw SerializationError(
            "the end of a channel crosses as an argument of a Process or in another channel, and not to the worker "
            "of a pool: start a Process for the task");
    }
    /// A descriptor that stays open until commit(); returns its number among those of this value.
    std::size_t add(int fd) {
        items_.push_back({{0, CrossingMessage::Kind::end, {}}, fd});
        return items_.size() - 1;
    }
    void add(std::shared_ptr<CrossingEnd> end) {
        for (const auto& known : ends_)
            if (known == end) throw SerializationError("the same end of a channel occurs twice in this value; "
                                                       "it can cross only once");
        ends_.push_back(std::move(end));
    }
    /// Behind the rest.
    void add(std::span<const std::shared_ptr<SharedRegion>> regions) {
        for (const auto& region : regions)
            items_.push_back({{0, CrossingMessage::Kind::region, region->name()}, region->fd()});
    }

    std::span<Item> items() noexcept { return items_; }
    /// All has been sent.
    void commit() noexcept {
        for (const auto& end : ends_) end->leave();
        ends_.clear();
        items_.clear();
    }
    void clear() noexcept {
        ends_.clear();
        items_.clear();
    }

  private:
    inline static constinit thread_local DescriptorsOut* current_ = nullptr;

    DescriptorsOut* const outer_;
    std::vector<Item> items_;
    std::vector<std::shared_ptr<CrossingEnd>> ends_;
};

struct ReceivedDescriptor {
    CrossingMessage message;
    PoolDescriptor fd;
};

class DescriptorsIn {
  public:
    /// In the order in which they were added there. Adopts the regions among them. Throws SerializationError.
    explicit DescriptorsIn(std::span<ReceivedDescriptor> received) : outer_(std::exchange(current_, this)) {
        try {
            for (ReceivedDescriptor& each : received) {
                if (!each.fd)
                    throw SerializationError("no descriptor is left to receive a channel's end or shared memory "
                                             "with: raise RLIMIT_NOFILE, or close some");
                if (each.message.kind == CrossingMessage::Kind::region)
                    regions_.push_back(SharedRegion::adopt(std::move(each.fd).take(), each.message.name));
            }
        } catch (...) {
            current_ = outer_;
            throw;
        }
        received_ = received;
    }
    DescriptorsIn(const DescriptorsIn&) = delete;
    DescriptorsIn& operator=(const DescriptorsIn&) = delete;
    ~DescriptorsIn() { current_ = outer_; }

    static DescriptorsIn& current() {
        if (current_) return *current_;
        throw SerializationError("the bytes contain an end of a channel, but no descriptors arrived with them");
    }
    /// Throws SerializationError when there is none of this number, or no more.
    PoolDescriptor take(std::uint64_t number) {
        if (number >= received_.size() || !received_[static_cast<std::size_t>(number)].fd)
            throw SerializationError("the bytes name a descriptor that did not arrive with them");
        return std::move(received_[static_cast<std::size_t>(number)].fd);
    }

  private:
    inline static constinit thread_local DescriptorsIn* current_ = nullptr;

    DescriptorsIn* const outer_;
    std::span<ReceivedDescriptor> received_;
    std::vector<std::shared_ptr<SharedRegion>> regions_;  // named by the bytes that are being decoded
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
