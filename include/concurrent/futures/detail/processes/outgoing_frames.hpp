// SPDX-License-Identifier: MIT
//
// outgoing_frames.hpp: the messages of a process pool to one worker: written into the worker's ring, or kept until there
// is room.
//
//     frames.queue(make_header(FrameType::stop, 0), {});
//     frames.queue_task(task, slot, nullptr);             // large arguments are written from where they are
//     if (frames.flush()) …                               // there are new bytes for the worker
//
// Frames leave in the order in which they were queued. Threads: with the pool's mutex.
#pragma once

#include <cstddef>
#include <cstring>
#include <deque>
#include <span>

#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/detail/wire/byte_ring.hpp"
#include "concurrent/futures/detail/wire/frame.hpp"
#include "concurrent/futures/detail/wire/payload_arena.hpp"
#include "concurrent/futures/detail/wire/remote_task.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class OutgoingFrames {
  public:
    explicit OutgoingFrames(ByteRing& ring) : writer_(ring) {}
    OutgoingFrames(const OutgoingFrames&) = delete;
    OutgoingFrames& operator=(const OutgoingFrames&) = delete;
    ~OutgoingFrames() { drop(); }

    /// All is in the ring.
    bool empty() const noexcept { return kept_.empty(); }
    bool may_have_room() const noexcept { return writer_.may_have_room(); }

    void queue(const FrameHeader& header, std::span<const std::byte> body) {
        if (kept_.empty() && fits(header)) return write(header, body);
        append_frame(tail(), header, body);
    }
    /// The frame of a task for this slot. `arena`: where its arguments are, if the worker can read them there; else null.
    void queue_task(RemoteTask& task, std::size_t slot, const PayloadArena* arena);
    /// Writes what fits, and lets the worker see it. True: there was something. Throws SerializationError when the worker
    /// has written an impossible position.
    bool flush();
    /// Drops what was not written, and the references to its tasks.
    void drop() noexcept {
        while (!kept_.empty()) pop();
    }

  private:
    /// Bytes to write: a copy, or the arguments of a task that is kept meanwhile.
    struct Segment {
        ByteBuffer bytes;
        RemoteTask* task = nullptr;
        std::size_t written = 0;
        std::span<const std::byte> left() const noexcept {
            return (task ? task->call().bytes() : bytes.bytes()).subspan(written);
        }
    };

    static constexpr std::size_t copied_up_to = tuning::copied_calls;  // larger calls are written in place

    /// False also when the worker has written an impossible position: flush() throws then, where its worker is known.
    bool fits(const FrameHeader& header) noexcept {
        const auto size = static_cast<std::size_t>(sizeof header + header.length + header.padding());
        try {
            return size <= ByteRing::capacity / 2 && writer_.room_for(size) >= size;
        } catch (const SerializationError&) {
            return false;
        }
    }
    void write(const FrameHeader& header, std::span<const std::byte> body) {
        writer_.write(std::as_bytes(std::span(&header, 1)));
        writer_.write(body);
        writer_.write(std::span(frame_padding).first(header.padding()));
    }
    ByteBuffer& tail() {
        if (kept_.empty() || kept_.back().task || kept_.back().bytes.size() > copied_up_to) kept_.emplace_back();
        return kept_.back().bytes;
    }
    void pop() noexcept {
        if (RemoteTask* const task = kept_.front().task) {
            --task->outputs;
            task->release();
        }
        kept_.pop_front();
    }

    RingWriter writer_;
    std::deque<Segment> kept_;
};

inline void OutgoingFrames::queue_task(RemoteTask& task, std::size_t slot, const PayloadArena* arena) {
    if (arena) {
        const PayloadPlace place = arena->place_of(task.call());
        return queue(make_header(FrameType::task, sizeof place, task.id, slot, BodyKind::in_shared_memory),
                     std::as_bytes(std::span(&place, 1)));
    }
    const auto call = task.call().bytes();
    const FrameHeader header = make_header(FrameType::task, call.size(), task.id, slot);
    if (call.size() <= copied_up_to || (kept_.empty() && fits(header))) return queue(header, call);
    std::memcpy(tail().extend(sizeof header), &header, sizeof header);
    kept_.emplace_back().task = &task;
    ++task.outputs;
    task.retain();
    if (header.padding() == 0) return;
    kept_.emplace_back();
    std::memcpy(tail().extend(header.padding()), frame_padding.data(), header.padding());
}

inline bool OutgoingFrames::flush() {
    while (!kept_.empty()) {
        Segment& segment = kept_.front();
        segment.written += writer_.write(segment.left());
        if (!segment.left().empty()) break;
        pop();
    }
    if (!writer_.has_unpublished()) return false;
    writer_.publish();
    return true;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
