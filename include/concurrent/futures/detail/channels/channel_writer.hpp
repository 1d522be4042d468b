// SPDX-License-Identifier: MIT
//
// channel_writer.hpp: the end of a channel that a Sender owns: values into the ring, see channel_end.hpp.
//
// A value that does not get through in time is taken back: the receiver is told to forget the part that it has.
#pragma once

#include <poll.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "concurrent/futures/detail/channels/channel_end.hpp"
#include "concurrent/futures/detail/platform/cycle_counter.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class ChannelWriter final : public ChannelEnd {
  public:
    ChannelWriter(PoolDescriptor socket, std::shared_ptr<SharedBlock> memory)
        : ChannelEnd(std::move(socket), std::move(memory)), ring_(page().ring) {}

    /// False when the deadline passed first: nothing of it will be received. Throws BrokenChannelError, what the
    /// codec throws.
    bool send(const void* value, void (*write_value)(Encoder& encoder, const void* value), const Deadline& deadline) {
        Trampoline::catch_up();  // it may be what receives; first, as it may use this end
        require_open();
        DescriptorsOut descriptors;
        encoder_.clear();
        write_value(encoder_, value);
        descriptors.add(encoder_.named());
        const bool sent = transmit(encoder_.bytes(), descriptors, deadline);
        if (encoder_.size() > kept_channel_buffer) encoder_ = Encoder();
        if (!encoder_.named().empty()) encoder_.clear();
        return sent;
    }
    void close() noexcept { leave(); }

    static void encode(Encoder& encoder, const std::shared_ptr<ChannelWriter>& writer) {
        writer->require_open();
        writer->encode_descriptors(encoder, writer);
        encoder.write_u64(writer->value_);
        encoder.write_u64(writer->must_forget_ ? 1 : 0);
    }
    static std::shared_ptr<ChannelWriter> decode(Decoder& decoder) {
        Parts parts = decode_descriptors(decoder);
        const auto made = std::make_shared<ChannelWriter>(std::move(parts.socket), std::move(parts.memory));
        made->value_ = decoder.read_u64();
        made->must_forget_ = decoder.read_u64() != 0;
        return made;
    }

  private:
    void require_open() const {
        if (!is_open())
            throw InvalidStateError(
                "Sender: this end was closed, or sent to another process; use the end there, or make a new channel");
    }
    [[noreturn]] static void throw_gone() {
        throw BrokenChannelError(
            "Sender::send: the receiver was closed, or its process has ended, so this value would never be read");
    }

    /// A look now and then: a receiver that closes says so in the memory, one that is killed is missed in the socket.
    void check_reader() {
        // (1) acquire, pairs with (2): nothing else is read because of it.
        bool closed = page().reader_closed.load(std::memory_order_acquire) != 0;
        const std::uint64_t now = cycle_count();
        if (!closed && now - looked_ > look_interval) {
            looked_ = now;
            pollfd entry{socket(), POLLIN, 0};
            if (poll_for({&entry, 1}, 0)) read_socket();
        }
        closed = closed || other_is_gone();
        if (closed) throw_gone();
    }

    bool transmit(std::span<const std::byte> bytes, DescriptorsOut& descriptors, const Deadline& deadline) {
        check_reader();
        if (must_forget_ && !write({}, ChunkHeader::forget, deadline)) return false;
        must_forget_ = false;
        while (bytes.size() > chunk_limit) {
            if (!write(bytes.first(chunk_limit), 0, deadline)) return false;
            must_forget_ = true;  // until all is written
            bytes = bytes.subspan(chunk_limit);
        }
        const std::span<DescriptorsOut::Item> items = descriptors.items();
        if (!items.empty()) ++value_;
        for (DescriptorsOut::Item& item : items) {
            item.message.value = value_;
            if (!send_item(item, deadline)) return false;
        }
        const auto count = static_cast<std::uint32_t>(items.size());
        if (!write(bytes, ChunkHeader::last | count << ChunkHeader::count_shift, deadline)) return false;
        must_forget_ = false;
        descriptors.commit();
        return true;
    }

    bool send_item(const DescriptorsOut::Item& item, const Deadline& deadline) {
        for (;;) {
            const IoResult result = send_descriptor(socket(), &item.message, sizeof item.message, item.fd, false);
            if (result.kind == IoResult::Kind::moved) return true;
            if (result.kind == IoResult::Kind::closed) throw_gone();
            // Too many on their way: wait until the receiver has taken some.
            const bool full = result.kind == IoResult::Kind::would_block || result.error == ETOOMANYREFS;
            if (!full) throw_system_error("Sender::send: a descriptor cannot be sent", result.error);
            if (deadline.passed()) return false;
            pollfd entry{socket(), static_cast<short>(result.error == 0 ? POLLIN | POLLOUT : POLLIN), 0};
            poll_for({&entry, 1}, 1);
            if ((entry.revents & ~POLLOUT) != 0) read_socket();
            if (other_is_gone()) throw_gone();
        }
    }

    bool write(std::span<const std::byte> bytes, std::uint32_t flags, const Deadline& deadline) {
        const bool with_number = flags >> ChunkHeader::count_shift != 0;
        const std::size_t body = bytes.size() + (with_number ? sizeof value_ : 0);
        const std::size_t size = sizeof(ChunkHeader) + body;
        if (ring_.room_for(size) < size && !wait_for_room(size, deadline)) return false;
        const ChunkHeader header{static_cast<std::uint32_t>(body), flags};
        ring_.write(std::as_bytes(std::span(&header, 1)));
        ring_.write(bytes);
        if (with_number) ring_.write(std::as_bytes(std::span(&value_, 1)));
        ring_.publish();
        if (page().reader_bell.must_ring(Bell::bytes)) {
            wake_other();
            if (other_is_gone()) throw_gone();
        }
        return true;
    }
    bool wait_for_room(std::size_t size, const Deadline& deadline) {
        const auto enough = [&] { return ring_.room_for(size) >= size; };
        const Waited waited = wait(page().writer_bell, Bell::room, enough, deadline);
        if (waited == Waited::gone) throw_gone();
        return waited == Waited::over;
    }

    static constexpr std::uint64_t look_interval = tuning::channel_look_interval;  // cycles: 20 to 50 microseconds

    RingWriterOf<ChannelRing> ring_;
    Encoder encoder_;
    std::uint64_t value_ = 0;   // number of the last value with descriptors
    bool must_forget_ = false;  // the receiver has a part of a value that was taken back
    std::uint64_t looked_ = 0;  // at the socket, see cycle_count()
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
