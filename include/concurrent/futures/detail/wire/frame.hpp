// SPDX-License-Identifier: MIT
//
// frame.hpp: one message between a pool and a worker: header and body. Workers of a process pool get and send frames in
// rings (byte_ring.hpp), as do MPI ranks on the root's node; other ranks in messages of MPI.
//
//     byte   0  magic and version   4        pool → worker: configure, task, stop, trim, forget
//            4  type                1        MPI as well:   recall, ask_to_stop, region, task_name, quit
//            5  where the body is   1
//            6  slot                2        worker → pool: ready, start_failed, result, exception, skipped,
//            8  task id             8                       want, memory
//           16  body length         8        MPI as well:   left, recalled
//           24  check of 0-23       4
//           28  reserved, 0         4
//           32  body, then zeros up to a multiple of 16
//
// The task id is in the header, so a body that cannot be decoded fails one task and no more. The receiver believes
// nothing: the header is checked before the length is used, and a body gets memory as its bytes arrive, so a false length
// costs its sender real bytes. A body for which there is no memory is read and dropped: that fails one task, and the
// frames behind it are still read.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/detail/serialization/byte_buffer.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

enum class FrameType : std::uint8_t {
    configure = 1,
    task = 2,
    stop = 3,
    trim = 4,
    forget = 5,  // body: RegionNumber, of memory that the pool's process has given up
    recall = 6,  // MPI only, as the next four: give back the calls that have not started
    ask_to_stop = 7,  // the call with this id
    region = 8,  // body: RegionName of the next `memory`
    task_name = 9,  // body: the name of the next `task`
    quit = 10,   // the end of service; body: why, if the root has failed
    ready = 16,
    start_failed = 17,
    result = 18,
    exception = 19,
    skipped = 20,
    want = 21,   // body: RegionNumber, of memory to be sent to the worker
    memory = 22,  // body: RegionName, of memory that the worker has sent; belongs to its next result
    left = 23,   // MPI only, as the next: worker_exit has run; body: what it threw
    recalled = 24  // what was given back is before this
};

/// A body that lies in shared memory (payload_arena.hpp) is a PayloadPlace in its frame.
enum class BodyKind : std::uint8_t { in_frame, in_shared_memory };

struct FrameHeader {
    static constexpr std::uint32_t expected_magic = 0x31504643;  // "CFP1"
    static constexpr std::size_t body_alignment = 16;

    std::uint32_t magic = expected_magic;
    FrameType type{};
    BodyKind body = BodyKind::in_frame;
    std::uint16_t slot = 0;
    std::uint64_t task = 0;
    std::uint64_t length = 0;
    std::uint32_t check = 0;
    std::uint32_t reserved_too = 0;

    /// By words: a call's headers are made and looked at four times.
    std::uint32_t computed_check() const noexcept {
        std::array<std::uint64_t, 3> words;
        static_assert(sizeof words == offsetof(FrameHeader, check));
        std::memcpy(words.data(), this, sizeof words);
        std::uint64_t hash = 0;
        for (const std::uint64_t word : words) {
            hash = (hash ^ word) * 0x9e3779b97f4a7c15;  // odd: a step of its own loses nothing
            hash ^= hash >> 32;
        }
        return static_cast<std::uint32_t>(hash);
    }
    std::size_t padding() const noexcept { return (0 - length) % body_alignment; }
};
static_assert(sizeof(FrameHeader) == 32 && std::is_trivially_copyable_v<FrameHeader>);

inline FrameHeader make_header(FrameType type, std::size_t length, std::uint64_t task = 0,
                               std::size_t slot = 0, BodyKind body = BodyKind::in_frame) noexcept {
    FrameHeader header;
    header.type = type;
    header.body = body;
    header.slot = static_cast<std::uint16_t>(slot);
    header.task = task;
    header.length = length;
    header.check = header.computed_check();
    return header;
}

/// What follows a body.
inline constexpr std::array<std::byte, FrameHeader::body_alignment> frame_padding{};

/// Header and body of one message, one after the other, for small ones.
inline void append_frame(ByteBuffer& out, const FrameHeader& header, std::span<const std::byte> body) {
    std::byte* place = out.extend(sizeof header + body.size() + header.padding());
    std::memcpy(place, &header, sizeof header);
    place += sizeof header;
    if (!body.empty()) std::memcpy(place, body.data(), body.size());
    std::memset(place + body.size(), 0, header.padding());
}

struct Frame {
    FrameHeader header;
    ByteBuffer body;    // starts at a multiple of 16; may be lent by the assembler, until it is asked for room
    bool lost = false;  // there was no memory for the body
};

/// Bytes in any portions into frames.
class FrameAssembler {
  public:
    /// Where the next bytes should be put. Never empty.
    std::span<std::byte> room() {
        if (in_body_) {
            const std::size_t missing = body_size() - body_.size() - dropped_;
            // Never more than about what has arrived already, or a first portion.
            portion_ = (std::min)(missing, (std::max)(body_.size(), first_portion));
            std::byte* const place = missing >= direct ? room_for(portion_) : nullptr;
            reading_body_ = place != nullptr;
            if (place) return {place, portion_};
        }
        if (begin_ == end_) begin_ = end_ = 0;
        if (begin_ > 0 && end_ == staging_.size()) {
            std::memmove(staging_.data(), staging_.data() + begin_, end_ - begin_);
            end_ -= begin_;
            begin_ = 0;
        }
        return std::span(staging_).subspan(end_);
    }

    /// This many bytes were put there; may be 0.
    void commit(std::size_t size) {
        received_ += size;
        if (std::exchange(reading_body_, false))
            body_.truncate(body_.size() - portion_ + size);
        else
            end_ += size;
    }

    /// The next whole frame, if it is there. Throws SerializationError for what is no frame.
    std::optional<Frame> next() {
        if (!in_body_) {
            if (end_ - begin_ < sizeof header_) return std::nullopt;
            std::memcpy(&header_, staging_.data() + begin_, sizeof header_);
            begin_ += sizeof header_;
            check_header();
            if (end_ - begin_ >= body_size()) {  // all of it is here, and stays for a while
                const std::span body(staging_.data() + begin_, static_cast<std::size_t>(header_.length));
                begin_ += body_size();
                return Frame{header_, ByteBuffer::of_lent(body), false};
            }
            in_body_ = true;
            body_ = std::move(spare_);
            body_.clear();
            lost_ = false;
            dropped_ = 0;
        }
        const std::size_t take = (std::min)(end_ - begin_, body_size() - body_.size() - dropped_);
        if (take > 0) {
            if (std::byte* const place = room_for(take))
                std::memcpy(place, staging_.data() + begin_, take);
            else
                dropped_ += take;
            begin_ += take;
        }
        if (body_.size() + dropped_ < body_size()) return std::nullopt;
        in_body_ = false;
        if (!lost_) body_.truncate(static_cast<std::size_t>(header_.length));
        return Frame{header_, std::move(body_), lost_};
    }

    /// The memory of a frame that is done with, for the next one.
    void recycle(ByteBuffer body) noexcept {
        if (!body.is_stored() && !body.is_lent() && body.capacity() <= largest_spare) spare_ = std::move(body);
    }

    std::uint64_t received() const noexcept { return received_; }

  private:
    static constexpr std::size_t direct = tuning::read_in_place_from;  // from here on straight into the body
    static constexpr std::size_t first_portion = tuning::first_portion;
    static constexpr std::size_t largest_spare = tuning::kept_body;

    /// Null when this body is lost: there is no memory, or was none before.
    std::byte* room_for(std::size_t size) noexcept {
        if (lost_) return nullptr;
        try {
            return body_.extend(size);
        } catch (...) {
            dropped_ = body_.size();
            body_ = ByteBuffer();
            lost_ = true;
            return nullptr;
        }
    }
    std::size_t body_size() const noexcept {
        return static_cast<std::size_t>(header_.length) + header_.padding();
    }
    void check_header() const {
        constexpr std::uint64_t limit = std::uint64_t{1} << 46;  // more than any address space
        if (header_.magic != FrameHeader::expected_magic || header_.check != header_.computed_check() ||
            header_.body > BodyKind::in_shared_memory || header_.reserved_too != 0 || header_.length > limit)
            throw SerializationError("the bytes at " + std::to_string(received_ - (end_ - begin_) -
                                                                      sizeof header_) +
                                     " of the pipe are no frame header");
    }

    alignas(FrameHeader::body_alignment) std::array<std::byte, tuning::frame_staging> staging_;
    std::size_t begin_ = 0;  // the bytes not yet looked at
    std::size_t end_ = 0;
    FrameHeader header_{};
    ByteBuffer body_;
    ByteBuffer spare_;
    std::size_t portion_ = 0;
    bool in_body_ = false;
    bool reading_body_ = false;
    bool lost_ = false;
    std::size_t dropped_ = 0;  // bytes of a lost body that have arrived
    std::uint64_t received_ = 0;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
