// SPDX-License-Identifier: MIT
//
// mpi_channel.hpp: frames (detail/wire/frame.hpp) between the root of an MPI pool and its ranks.
//
//     channel.send(peer, std::move(batch), std::move(bulks));    // returns at once
//     channel.poll();                                            // ends sends, receives
//     while (auto frame = channel.next(peer)) …
//
// A message is a batch: frames one after the other. A body of `bulk_from` bytes or more is not in the batch: its
// frame says so, and its bytes follow as messages of their own, in pieces of at most 1 GiB, because MPI counts bytes in
// an int. So they are neither copied nor limited to INT_MAX. In a header `slot` is the lane, `reserved_too` the number
// of a pool (root → rank) or the nanoseconds that a call took (rank → root). Nothing here blocks except finish_sends().
// Threads: one at a time. The communicator belongs to the library, so tags cannot meet those of the program.
#pragma once

#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/serialization/byte_buffer.hpp"
#include "concurrent/futures/detail/wire/frame.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// A frame where it was received.
struct ReceivedFrame {
    FrameHeader header;
    std::span<const std::byte> body;
    std::shared_ptr<const ByteBuffer> batch{};  // that the body lies in, unless it came on its own:
    ByteBuffer bulk{};
};

/// Bytes that follow a batch. `owner` may be empty: then the sender keeps them until there is an answer.
struct Bulk {
    std::span<const std::byte> bytes;
    ByteBuffer owner{};
};

inline constexpr std::size_t bulk_from = 32 * 1024;

/// Frames on their way: a batch and what follows it.
struct Outgoing {
    ByteBuffer batch;
    std::vector<Bulk> bulks;

    bool empty() const noexcept { return batch.empty(); }
    void add(FrameType type, std::uint64_t task, std::size_t lane, std::span<const std::byte> body,
             std::uint32_t extra = 0, ByteBuffer owner = {}) {
        const bool bulky = body.size() >= bulk_from;
        FrameHeader header = make_header(type, body.size(), task, lane,
                                         bulky ? BodyKind::in_shared_memory : BodyKind::in_frame);
        header.reserved_too = extra;
        if (bulky) bulks.push_back({body, std::move(owner)});
        append_frame(batch, header, bulky ? std::span<const std::byte>() : body);
        if (bulky) batch.truncate(batch.size() - header.padding());
    }
};

/// Reads the frames of one peer's batches in order; what is bulky is fetched by the transport.
class Inbound {
  public:
    void add(std::shared_ptr<const ByteBuffer> batch) { batches_.push_back(std::move(batch)); }

    /// `fetch(body, length)`: starts or goes on to receive the bytes; true when all are there.
    template <class Fetch>
    std::optional<ReceivedFrame> next(Fetch fetch) {
        while (!batches_.empty()) {
            const std::shared_ptr<const ByteBuffer>& batch = batches_.front();
            if (place_ == batch->size()) {
                batches_.pop_front();
                place_ = 0;
                continue;
            }
            const std::size_t left = batch->size() - place_;
            FrameHeader header;
            if (left < sizeof header) fail();
            std::memcpy(&header, batch->data() + place_, sizeof header);
            if (header.magic != FrameHeader::expected_magic || header.check != header.computed_check()) fail();
            if (header.body == BodyKind::in_shared_memory) {
                if (!fetch(body_, static_cast<std::size_t>(header.length))) return std::nullopt;
                place_ += sizeof header;
                const std::span bytes = body_.bytes();
                return ReceivedFrame{header, bytes, nullptr, std::exchange(body_, ByteBuffer())};
            }
            const auto length = static_cast<std::size_t>(header.length);
            if (header.length > left || sizeof header + length + header.padding() > left) fail();
            const std::span body = batch->bytes().subspan(place_ + sizeof header, length);
            place_ += sizeof header + length + header.padding();
            return ReceivedFrame{header, body, batch, {}};
        }
        return std::nullopt;
    }

  private:
    [[noreturn]] static void fail() {
        throw SerializationError("a message of an MPI pool is damaged: do all ranks run the same program?");
    }

    std::deque<std::shared_ptr<const ByteBuffer>> batches_;
    std::size_t place_ = 0;  // in the first batch
    ByteBuffer body_;        // bulky, as far as it has come
};

/// What MPI answers if the program has told it to return errors.
inline void check_mpi(int code, const char* call) {
    if (code == MPI_SUCCESS) return;
    std::string text(MPI_MAX_ERROR_STRING, '\0');
    int length = 0;
    MPI_Error_string(code, text.data(), &length);
    text.resize(static_cast<std::size_t>(length));
    throw BrokenProcessPool(std::string(call) + " failed in an MPI pool: " + text);
}

class MpiChannel {
  public:
    static constexpr std::size_t gibibyte = std::size_t{1} << 30;

    /// `largest_piece`: the same on both sides.
    explicit MpiChannel(MPI_Comm comm, std::size_t largest_piece = gibibyte)
        : comm_(comm), largest_piece_(largest_piece) {}
    MpiChannel(const MpiChannel&) = delete;
    MpiChannel& operator=(const MpiChannel&) = delete;

    void send(int peer, Outgoing out) {
        Sending& sending = sends_.emplace_back();
        sending.out = std::move(out);
        start_send(sending, sending.out.batch.bytes(), peer, batch_tag);
        for (const Bulk& bulk : sending.out.bulks)
            for (std::size_t begin = 0; begin < bulk.bytes.size(); begin += largest_piece_)
                start_send(sending, bulk.bytes.subspan(begin, (std::min)(largest_piece_, bulk.bytes.size() - begin)),
                           peer, bulk_tag);
        if (sends_.size() == 1) end_sends();  // most are over by now
    }
    /// `source`: a rank or MPI_ANY_SOURCE. True if something was received; then next() of that peer may have it.
    /// `peer` is where it came from.
    bool poll(int source, int& peer) {
        if (!sends_.empty()) end_sends();
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
        Peer& from = inbound_[peer];
        return from.frames.next(
            [&](ByteBuffer& body, std::size_t length) { return fetch(from, peer, body, length); });
    }
    /// Bytes that follow a batch are on their way, in either direction: worth spinning for.
    bool is_moving() const noexcept { return !sends_.empty() || fetching_ != 0; }
    bool is_fetching() const noexcept { return fetching_ != 0; }
    /// Blocks until all that was sent has been taken.
    void finish_sends() {
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
    };

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
    std::deque<Sending> sends_;
    std::map<int, Peer> inbound_;
    std::size_t fetching_ = 0;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
