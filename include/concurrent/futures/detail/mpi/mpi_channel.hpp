// SPDX-License-Identifier: MIT
//
// mpi_channel.hpp: sends and receives the batches of frame_batch.hpp, by MPI or by memory of a node.
//
//     channel.send(peer, outgoing);               // returns at once
//     channel.poll(MPI_ANY_SOURCE, peer);         // ends sends, receives
//     while (auto frame = channel.next(peer)) …
//
// A batch is one message. Bodies that are not in the batch follow as messages of their own, in pieces of at most 1 GiB,
// because MPI counts bytes in an int: so they are not limited to INT_MAX. Batches for a peer that is attached go through a
// ring (node_stream.hpp), and by MPI go only the bodies that do not lie in memory of the node. Nothing here blocks except
// finish_sends().
// Threads: one at a time. The communicator belongs to the library, so tags cannot meet those of the program.
#pragma once

#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/mpi/frame_batch.hpp"
#include "concurrent/futures/detail/mpi/node_stream.hpp"
#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/platform/lock_rule.hpp"
#include "concurrent/futures/detail/serialization/byte_buffer.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

inline std::string mpi_error_text(int code) {
    std::string text(MPI_MAX_ERROR_STRING, '\0');
    int length = 0;
    MPI_Error_string(code, text.data(), &length);
    text.resize(static_cast<std::size_t>(length));
    return text;
}
/// What MPI answers if the program has told it to return errors.
inline void check_mpi(int code, const char* call) {
    if (code != MPI_SUCCESS) throw BrokenProcessPool(std::string(call) + " failed in an MPI pool: " + mpi_error_text(code));
}

class MpiChannel {
  public:
    static constexpr std::size_t gibibyte = std::size_t{1} << 30;

    /// `largest_piece`: the same on both sides. `rule`: of the mutex that guards this, if a rank has it.
    explicit MpiChannel(MPI_Comm comm, std::size_t largest_piece = gibibyte, const LockRule& rule = LockRule::none())
        : comm_(comm), largest_piece_(largest_piece), rule_(rule) {}
    MpiChannel(const MpiChannel&) = delete;
    MpiChannel& operator=(const MpiChannel&) = delete;

    /// This peer is on the same node: batches go through these rings. The arguments are those of NodeStream.
    void attach(int peer, NodeRing& out, NodeRing& in, SharedDoorbell& bell, PayloadArena* own, PayloadView* others) {
        Peer& to = inbound_[peer];
        to.stream = std::make_unique<NodeStream>(out, in, bell, own, others);
        attached_.push_back({peer, &to});
    }
    /// All peers are attached.
    void need_no_messages() noexcept { needs_messages_ = false; }
    bool needs_messages() const noexcept { return needs_messages_; }

    /// `out` is empty then, and may keep memory.
    void send(int peer, Outgoing& out) {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        NodeStream* const stream = attached_.empty() ? nullptr : inbound_[peer].stream.get();
        if (stream) {
            stream->send(out);
            if (out.bulks.empty()) return;
        }
        Sending& sending = sends_.emplace_back();
        sending.out = std::exchange(out, Outgoing());
        if (!stream) start_send(sending, sending.out.batch.bytes(), peer, batch_tag);
        for (const Bulk& bulk : sending.out.bulks)
            for (std::size_t begin = 0; begin < bulk.bytes.size(); begin += largest_piece_)
                start_send(sending, bulk.bytes.subspan(begin, (std::min)(largest_piece_, bulk.bytes.size() - begin)),
                           peer, bulk_tag);
        if (sends_.size() == 1) end_sends();  // most are over by now
    }
    /// `source`: a rank or MPI_ANY_SOURCE. True if something was received; then next() of that peer may have it.
    /// `peer` is where it came from.
    bool poll(int source, int& peer) {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        if (!sends_.empty()) end_sends();
        if (receive_from_node(peer)) return true;
        if (!needs_messages_) return false;
        int found = 0;
        MPI_Message message;
        MPI_Status status;
        check_mpi(MPI_Improbe(source, batch_tag, comm_, &found, &message, &status), "MPI_Improbe");
        if (!found) return false;
        int size = 0;
        MPI_Get_count(&status, MPI_BYTE, &size);
        auto batch = std::make_shared<ByteBuffer>();
        std::byte* const place = batch->extend(static_cast<std::size_t>(size));
        check_mpi(MPI_Mrecv(place, size, MPI_BYTE, &message, MPI_STATUS_IGNORE), "MPI_Mrecv");
        peer = status.MPI_SOURCE;
        inbound_[peer].frames.add(std::move(batch));
        return true;
    }
    std::optional<ReceivedFrame> next(int peer) {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        Peer& from = inbound_[peer];
        return from.frames.next(
            [&](ByteBuffer& body, std::size_t length) { return fetch(from, peer, body, length); });
    }
    /// Something has come from a peer that is attached.
    bool has_news() const noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        return std::any_of(attached_.begin(), attached_.end(),
                           [](const auto& each) { return each.second->stream->has_news(); });
    }
    /// Bytes that follow a batch are on their way, in either direction, or a ring is full: worth spinning for.
    bool is_moving() const noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        if (!sends_.empty() || fetching_ != 0) return true;
        return std::any_of(attached_.begin(), attached_.end(),
                           [](const auto& each) { return each.second->stream->is_sending(); });
    }
    bool is_fetching() const noexcept { return fetching_ != 0; }
    /// MPI gets on with what the program itself has asked for.
    void let_mpi_progress() {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        int found = 0;
        check_mpi(MPI_Iprobe(MPI_ANY_SOURCE, batch_tag, comm_, &found, MPI_STATUS_IGNORE), "MPI_Iprobe");
    }
    /// Blocks until all that was sent has been taken, or lies in a ring.
    void finish_sends() {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        for (const auto& [peer, to] : attached_)
            while (!to->stream->flush()) std::this_thread::yield();
        for (Sending& sending : sends_)
            check_mpi(MPI_Waitall(static_cast<int>(sending.requests.size()), sending.requests.data(),
                                  MPI_STATUSES_IGNORE),
                      "MPI_Waitall");
        sends_.clear();
    }
    MPI_Comm comm() const noexcept { return comm_; }

  private:
    static constexpr int batch_tag = 1;
    static constexpr int bulk_tag = 2;

    struct Sending {
        Outgoing out;
        std::vector<MPI_Request> requests{};
    };
    struct Peer {
        Inbound frames;
        std::vector<MPI_Request> requests{};  // of the bulky body that is being received
        std::unique_ptr<NodeStream> stream{};  // null: not on this node
    };

    /// In turn, so that none waits for ever.
    bool receive_from_node(int& peer) {
        for (std::size_t i = 0; i < attached_.size(); ++i) {
            next_attached_ = next_attached_ + 1 < attached_.size() ? next_attached_ + 1 : 0;
            const auto& [rank, from] = attached_[next_attached_];
            if (from->stream->is_sending()) from->stream->flush();
            if (!from->stream->receive(from->frames)) continue;
            peer = rank;
            return true;
        }
        return false;
    }

    void start_send(Sending& sending, std::span<const std::byte> bytes, int peer, int tag) {
        MPI_Request request;
        check_mpi(MPI_Isend(bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, peer, tag, comm_, &request),
                  "MPI_Isend");
        sending.requests.push_back(request);
    }
    void end_sends() {
        while (!sends_.empty()) {
            Sending& first = sends_.front();
            int over = 0;
            check_mpi(MPI_Testall(static_cast<int>(first.requests.size()), first.requests.data(), &over,
                                  MPI_STATUSES_IGNORE),
                      "MPI_Testall");
            if (!over) return;
            sends_.pop_front();
        }
    }
    bool fetch(Peer& from, int peer, ByteBuffer& body, std::size_t length) {
        if (from.requests.empty()) {
            if (from.stream)
                if (std::optional<ByteBuffer> shared = from.stream->next_bulk()) {
                    body = std::move(*shared);
                    return true;
                }
            body.clear();
            std::byte* const place = body.extend(length);
            for (std::size_t begin = 0; begin < length; begin += largest_piece_) {
                MPI_Request request;
                check_mpi(MPI_Irecv(place + begin, static_cast<int>((std::min)(largest_piece_, length - begin)),
                                    MPI_BYTE, peer, bulk_tag, comm_, &request),
                          "MPI_Irecv");
                from.requests.push_back(request);
            }
            ++fetching_;
        }
        int over = 0;
        check_mpi(MPI_Testall(static_cast<int>(from.requests.size()), from.requests.data(), &over,
                              MPI_STATUSES_IGNORE),
                  "MPI_Testall");
        if (!over) return false;
        from.requests.clear();
        --fetching_;
        return true;
    }

    const MPI_Comm comm_;
    const std::size_t largest_piece_;
    const LockRule& rule_;
    std::deque<Sending> sends_;
    std::map<int, Peer> inbound_;
    std::vector<std::pair<int, Peer*>> attached_;  // by rank
    std::size_t next_attached_ = 0;
    bool needs_messages_ = true;
    std::size_t fetching_ = 0;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
