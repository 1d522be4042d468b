// SPDX-License-Identifier: MIT
//
// channel_end.hpp: what the two ends of a channel have in common.
//
//     memory     a ring of bytes that both ends map (byte_ring.hpp), with a bell for each end
//     socket     carries descriptors, and a wake-up for an end that sleeps; its end tells that the other end is gone
//
// A value is in the ring as soon as it is sent: nothing is held back to be sent with others, so nothing has to be
// flushed. While both ends are busy, neither end makes a system call.
// The other end is not trusted: whatever it writes harms only this channel.
// Threads: an end is used by one thread at a time; the two ends may be used at the same time, in one process, too.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <mutex>
#include <utility>

#include "concurrent/futures/detail/channels/crossing.hpp"
#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/descriptor_socket.hpp"
#include "concurrent/futures/detail/platform/file_descriptor.hpp"
#include "concurrent/futures/detail/platform/fork_generation.hpp"
#include "concurrent/futures/detail/platform/shared_block.hpp"
#include "concurrent/futures/detail/platform/spin.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/detail/serialization/codecs.hpp"
#include "concurrent/futures/detail/state/shared_state.hpp"
#include "concurrent/futures/detail/wire/byte_ring.hpp"
#include "concurrent/futures/detail/wire/pool_descriptors.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Larger than that of a worker: two processes that share one processor change places each time it is full or empty,
/// and with 64 KiB that was a third of the processor time of a value of 1 MiB.
using ChannelRing = ByteRingOf<tuning::channel_ring>;

/// In shared memory. Zeros are an empty one.
struct ChannelPage {
    alignas(ChannelRing::line) Bell reader_bell;  // what the receiver sleeps for
    alignas(ChannelRing::line) Bell writer_bell;  // what the sender sleeps for
    alignas(ChannelRing::line) Atomic<std::uint32_t> reader_closed{0};
    ChannelRing ring;
};

/// Before the bytes of a value, or of a part of it. A value is one chunk or more; the last one says so.
struct ChunkHeader {
    static constexpr std::uint32_t last = 1;
    static constexpr std::uint32_t forget = 2;  // what came before of this value: it will not be completed
    static constexpr unsigned count_shift = 8;  // above: how many descriptors belong to the value
    std::uint32_t size;
    std::uint32_t flags;
};
/// Large values are cut into such pieces, so that one side writes while the other one reads.
inline constexpr std::size_t chunk_limit = ChannelRing::capacity / 4 - sizeof(ChunkHeader) - sizeof(std::uint64_t);
/// Buffers up to this size are kept for the next value.
inline constexpr std::size_t kept_channel_buffer = tuning::kept_channel_buffer;

inline int poll_milliseconds(const Deadline& deadline) noexcept {
    if (deadline.is_never()) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline.left()).count();
    return static_cast<int>(std::min<std::int64_t>(left, 1'000'000));
}

class ChannelEnd : public CrossingEnd {
  public:
    ChannelEnd(const ChannelEnd&) = delete;
    ChannelEnd& operator=(const ChannelEnd&) = delete;

    /// Neither closed, nor gone to another process, nor closed because this process is a fork of the library's.
    bool is_open() const noexcept { return socket_ && !socket_.is_closed_by_fork(); }

    /// It belongs to another process now.
    void leave() noexcept override { socket_.reset(); }

  protected:
    /// Throws std::bad_alloc: an empty std::deque has memory.
    ChannelEnd(PoolDescriptor socket, std::shared_ptr<SharedBlock> memory)
        : memory_(std::move(memory)),
          page_(*reinterpret_cast<ChannelPage*>(memory_->data())),
          socket_(std::move(socket)) {}
    ~ChannelEnd() = default;

    ChannelPage& page() const noexcept { return page_; }
    int socket() const noexcept { return socket_.get(); }
    bool other_is_gone() const noexcept { return gone_; }
    void note_gone() noexcept { gone_ = true; }
    bool was_made_in_this_process() const noexcept { return fork_generation() == born_; }

    enum class Waited : std::uint8_t { over, gone, timed_out };

    /// Until `over()`, or the other end is gone and it still is not, or the deadline has passed. `own` is the bell
    /// of this end.
    template <class Over>
    Waited wait(Bell& own, std::uint32_t what, Over over, const Deadline& deadline) {
        if (spins_ && spin_until(over)) return Waited::over;
        const auto began = Deadline::Clock::now();
        const AsBlocked blocked({.what = "the other end of a channel"});
        const Waited result = sleep(own, what, over, deadline);
        own.forget();
        spins_ = Deadline::Clock::now() - began < patience;
        return result;
    }
    /// The other end sleeps and waits for what has just been done.
    void wake_other() noexcept {
        const CrossingMessage message{};
        const IoResult result = send_descriptor(socket(), &message, sizeof message, -1, false);
        // Full: then there is something that it has not read, which wakes it, too.
        if (result.kind == IoResult::Kind::closed || result.kind == IoResult::Kind::failed) gone_ = true;
    }
    /// Takes all there is out of the socket.
    void read_socket() {
        for (int closed = 0; closed < 2;) {
            CrossingMessage message;
            FileDescriptor fd;
            PoolDescriptors& descriptors = PoolDescriptors::instance();
            const std::lock_guard lock(descriptors.mutex);
            const IoResult result = receive_descriptor(socket(), &message, sizeof message, fd, false);
            if (result.kind == IoResult::Kind::would_block) return;
            if (result.kind == IoResult::Kind::closed) {
                ++closed;  // the first time it may be an error that stands before messages
            } else if (result.kind == IoResult::Kind::failed) {
                break;
            } else if (message.kind != CrossingMessage::Kind::wake) {
                ReceivedDescriptor& received = received_.emplace_back();
                received.message = message;
                if (fd) received.fd = PoolDescriptor(std::move(fd));
            }
        }
        gone_ = true;
    }
    std::deque<ReceivedDescriptor>& received() noexcept { return received_; }

    /// Adds this end's descriptors to the value that is being encoded.
    void encode_descriptors(Encoder& encoder, std::shared_ptr<CrossingEnd> self) const {
        DescriptorsOut& out = DescriptorsOut::current();
        encoder.write_u64(out.add(socket()));
        encoder.write_u64(out.add(memory_->fd()));
        out.add(std::move(self));
    }
    struct Parts {
        PoolDescriptor socket;
        std::shared_ptr<SharedBlock> memory;
    };
    static Parts decode_descriptors(Decoder& decoder) {
        DescriptorsIn& in = DescriptorsIn::current();
        Parts parts;
        parts.socket = in.take(decoder.read_u64());
        int type = 0;
        socklen_t size = sizeof type;
        if (::getsockopt(parts.socket.get(), SOL_SOCKET, SO_TYPE, &type, &size) != 0)
            throw SerializationError("an end of a channel arrived with a descriptor that is not a socket");
        parts.memory = std::make_shared<SharedBlock>(SharedBlock::adopt(
            in.take(decoder.read_u64()).take(), sizeof(ChannelPage), SharedBlock::Contents::variable));
        return parts;
    }

  private:
    template <class Over>
    Waited sleep(Bell& own, std::uint32_t what, Over over, const Deadline& deadline) {
        for (bool first = true;; first = false) {
            // For a while a sender waits for half of the ring, then for as much as it needs.
            const bool gathers = first && what == Bell::room;
            own.expect(what == Bell::room && !gathers ? Bell::room | Bell::any_room : what);
            if (over()) return Waited::over;
            pollfd entry{socket(), POLLIN, 0};
            if (!gone_) {
                poll_for({&entry, 1}, poll_milliseconds(gathers ? deadline.or_earlier(Deadline::after(longest_gathering)) : deadline));
                read_socket();
            }
            // What it did before it went counts.
            if (over()) return Waited::over;
            if (gone_) return Waited::gone;
            if (deadline.passed()) return Waited::timed_out;
        }
    }

    /// An end whose last sleep was longer than this does not spin the next time.
    static constexpr auto patience = tuning::brief_channel_sleep;
    static constexpr auto longest_gathering = tuning::longest_gathering_of_room;

    const std::shared_ptr<SharedBlock> memory_;  // one mapping for both ends in one process
    ChannelPage& page_;
    PoolDescriptor socket_;
    const unsigned born_ = fork_generation();
    bool gone_ = false;  // the other end
    bool spins_ = true;
    std::deque<ReceivedDescriptor> received_;  // and not claimed by a value yet
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
