// SPDX-License-Identifier: MIT
//
// node_stream.hpp: batches of frames between the root of MPI pools and a rank on its node, in memory that both map.
//
//     NodeStream root(link.calls, link.replies, link.rank_bell, arena, results);    // at one side
//     root.send(out);                       // what it cannot take is left in `out`, and follows by MPI
//     while (!root.flush()) …               // the ring was full
//     if (root.receive(frames)) …           // a batch is in `frames` now
//
// In the ring: head, batch, and for each body that is not in the batch where it lies. Arguments and results of 32 KiB and
// more are encoded in memory of the node (payload_arena.hpp) and are not copied by this.
// All sizes are multiples of 16, so that a head is never torn. Threads: one at a time on each side.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <utility>

#include "concurrent/futures/detail/mpi/frame_batch.hpp"
#include "concurrent/futures/detail/platform/shared_doorbell.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/detail/wire/byte_ring.hpp"
#include "concurrent/futures/detail/wire/payload_arena.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

using NodeRing = ByteRingOf<tuning::mpi_node_ring>;

/// In memory of the node: what the root and one rank write to each other.
struct NodeLink {
    NodeRing calls;    // to the rank
    NodeRing replies;  // to the root
    alignas(NodeRing::line) SharedDoorbell rank_bell{};
};

class NodeStream {
  public:
    /// `bell`: of the other side. `own`: where large bodies are encoded here; `others`: and there. Null: nowhere.
    NodeStream(NodeRing& out, NodeRing& in, SharedDoorbell& bell, PayloadArena* own, PayloadView* others)
        : writer_(out), reader_(in), bell_(bell), own_(own), others_(others) {}
    NodeStream(const NodeStream&) = delete;
    NodeStream& operator=(const NodeStream&) = delete;

    /// Takes the batch. Bulks that do not lie in memory of the node stay in `out`, in their order.
    void send(Outgoing& out);
    /// True: everything is in the ring.
    bool flush();
    bool is_sending() const noexcept { return !unsent_.empty(); }
    /// True: a batch has come whole.
    bool receive(Inbound& frames);
    bool has_news() const noexcept { return reader_.has_news(); }
    /// For the next body that is not in its batch: empty if it comes by MPI.
    std::optional<ByteBuffer> next_bulk() {
        const PlaceOfBulk next = places_.front();
        places_.pop_front();
        if (next.by_mpi != 0) return std::nullopt;
        if (!others_) throw SerializationError("a message of an MPI pool points to memory that is not shared");
        return others_->at(next.place);
    }

  private:
    struct Head {
        std::uint64_t size = 0;   // of the batch
        std::uint64_t bulks = 0;
    };
    struct PlaceOfBulk {
        PayloadPlace place{};
        std::uint64_t by_mpi = 0;
    };
    static_assert(sizeof(Head) % 16 == 0 && sizeof(PlaceOfBulk) % 16 == 0);

    PlaceOfBulk place_of(Bulk& bulk) noexcept {
        if (!own_ || !own_->has(bulk.bytes)) return {.by_mpi = 1};
        // A call stays where it is until it is answered. A result is given away.
        if (bulk.owner.empty()) return {.place = own_->place_of(bulk.bytes)};
        const std::optional<PayloadPlace> sent = own_->send(bulk.owner);
        return sent ? PlaceOfBulk{.place = *sent} : PlaceOfBulk{.by_mpi = 1};
    }
    void publish() noexcept {
        writer_.publish();
        bell_.ring();
    }

    RingWriterOf<NodeRing> writer_;
    RingReaderOf<NodeRing> reader_;
    SharedDoorbell& bell_;
    PayloadArena* const own_;
    PayloadView* const others_;
    std::deque<ByteBuffer> unsent_;
    std::size_t sent_ = 0;                // bytes of the first one
    std::shared_ptr<ByteBuffer> batch_;   // that is coming in
    Head head_{};                         // of it
    std::size_t received_ = 0;            // bytes of it
    std::deque<PlaceOfBulk> places_;
};

inline void NodeStream::send(Outgoing& out) {
    Head head{out.batch.size(), out.bulks.size()};
    ByteBuffer places;
    if (head.bulks != 0) {
        std::byte* place = places.extend(out.bulks.size() * sizeof(PlaceOfBulk));
        std::size_t left = 0;
        for (Bulk& bulk : out.bulks) {
            const PlaceOfBulk where = place_of(bulk);
            std::memcpy(std::exchange(place, place + sizeof where), &where, sizeof where);
            if (where.by_mpi == 0) continue;
            if (&out.bulks[left] != &bulk) out.bulks[left] = std::move(bulk);
            ++left;
        }
        out.bulks.resize(left);
    }
    const std::size_t all = sizeof head + out.batch.size() + places.size();
    const std::array parts{std::as_bytes(std::span(&head, 1)), out.batch.bytes(), places.bytes()};
    if (unsent_.empty() && writer_.room_for(all) >= all) {
        for (const auto part : parts) writer_.write(part);
        publish();
    } else {
        ByteBuffer message;
        std::byte* place = message.extend(all);
        for (const auto part : parts)
            if (!part.empty()) std::memcpy(std::exchange(place, place + part.size()), part.data(), part.size());
        unsent_.push_back(std::move(message));
        flush();
    }
    out.batch.clear();
}

inline bool NodeStream::flush() {
    while (!unsent_.empty()) {
        const std::span rest = unsent_.front().bytes().subspan(sent_);
        const std::size_t size = writer_.write(rest);
        if (size != 0) publish();
        if (size < rest.size()) {
            sent_ += size;
            return false;
        }
        unsent_.pop_front();
        sent_ = 0;
    }
    return true;
}

inline bool NodeStream::receive(Inbound& frames) {
    for (std::size_t available; (available = reader_.available()) != 0;) {
        if (!batch_) {
            reader_.read(reinterpret_cast<std::byte*>(&head_), sizeof head_);
            available -= sizeof head_;
            received_ = 0;
            batch_ = std::make_shared<ByteBuffer>();
            batch_->extend(static_cast<std::size_t>(head_.size + head_.bulks * sizeof(PlaceOfBulk)));
        }
        const std::size_t part = (std::min)(available, batch_->size() - received_);
        reader_.read(batch_->data() + received_, part);
        reader_.publish();
        received_ += part;
        if (received_ < batch_->size()) continue;
        const std::byte* place = batch_->data() + head_.size;
        for (std::uint64_t i = 0; i < head_.bulks; ++i) {
            PlaceOfBulk next;
            std::memcpy(&next, std::exchange(place, place + sizeof next), sizeof next);
            places_.push_back(next);
        }
        batch_->truncate(static_cast<std::size_t>(head_.size));
        frames.add(std::exchange(batch_, nullptr));
        return true;
    }
    return false;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
