// SPDX-License-Identifier: MIT
//
// frame_batch.hpp: frames (detail/wire/frame.hpp) as the root of MPI pools and its ranks exchange them: many in a message.
//
//     Outgoing out;                              Inbound in;
//     out.add(FrameType::task, id, lane, bytes);  in.add(batch);
//                                                 while (auto frame = in.next(fetch)) …
//
// A batch holds frames one after the other. A body of `bulk_from` bytes or more is not in the batch: its frame says so, and
// its bytes follow on their own, so they are not copied. In a header `slot` is the lane, `reserved_too` the number of a
// pool (root → rank) or the nanoseconds that a task took (rank → root).
// Nothing here needs MPI. Threads: values, not synchronised.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/platform/tuning.hpp"
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

inline constexpr std::size_t bulk_from = tuning::mpi_bulk_from;
/// In a frame `quit`, in place of a task: the rank answers with a frame `quit` when it has ended.
inline constexpr std::uint64_t wants_answer = 1;

/// Frames on their way: a batch and what follows it.
struct Outgoing {
    ByteBuffer batch;
    std::vector<Bulk> bulks;

    bool empty() const noexcept { return batch.empty(); }
    /// Nothing is added if it throws.
    void add(FrameType type, std::uint64_t task, std::size_t lane, std::span<const std::byte> body,
             std::uint32_t extra = 0, ByteBuffer owner = {}) {
        const bool bulky = body.size() >= bulk_from;
        FrameHeader header = make_header(type, body.size(), task, lane,
                                         bulky ? BodyKind::in_shared_memory : BodyKind::in_frame);
        header.reserved_too = extra;
        if (!bulky) return append_frame(batch, header, body);
        const std::size_t before = batch.size();
        append_frame(batch, header, {});
        try {
            bulks.push_back({body, std::move(owner)});
        } catch (...) {
            batch.truncate(before);
            throw;
        }
        batch.truncate(batch.size() - header.padding());
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

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
