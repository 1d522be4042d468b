// SPDX-License-Identifier: MIT
//
// channel_reader.hpp: the end of a channel that a Receiver owns: values out of the ring, see channel_end.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/channels/channel_end.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class ChannelReader final : public ChannelEnd {
  public:
    ChannelReader(PoolDescriptor socket, std::shared_ptr<SharedBlock> memory)
        : ChannelEnd(std::move(socket), std::move(memory)), ring_(page().ring) {}
    ~ChannelReader() { close(); }

    /// False at the end. Throws TimeoutError, SerializationError, what the codec throws.
    bool receive(void* result, void (*read_value)(Decoder& decoder, void* result), const Deadline& deadline) {
        Trampoline::catch_up();  // it may be what sends; first, as it may use this end
        if (ended_) return false;
        if (!is_open()) throw_not_open();
        if (!assemble(deadline)) return false;
        const struct Done {
            ~Done() {
                if (bytes.capacity() > kept_channel_buffer)
                    bytes = ByteBuffer();
                else
                    bytes.clear();
            }
            ByteBuffer& bytes;
        } done{value_};
        Decoder decoder(value_.bytes());
        if (descriptors_ == 0) [[likely]] {
            read_value(decoder, result);
        } else {
            std::vector<ReceivedDescriptor> received = claim_descriptors();
            const DescriptorsIn descriptors(received);
            read_value(decoder, result);
        }
        return true;
    }
    void close() noexcept {
        // A fork has a copy of this end and must not speak for the original.
        if (is_open() && was_made_in_this_process())
            // (2) release, pairs with (1), for nothing but that it is seen.
            page().reader_closed.store(1, std::memory_order_release);
        leave();
    }
    void leave() noexcept override {
        ChannelEnd::leave();
        received().clear();
    }

    /// What has been read already goes along.
    static void encode(Encoder& encoder, const std::shared_ptr<ChannelReader>& reader) {
        if (!reader->is_open()) throw_not_open();
        reader->encode_descriptors(encoder, reader);
        encoder.write_u64(reader->ended_ ? 1 : 0);
        encoder.write_u64(reader->value_.size());
        encoder.write_bytes(reader->value_.data(), reader->value_.size());
        encoder.write_u64(reader->received().size());
        for (const ReceivedDescriptor& each : reader->received()) {
            encoder.write_u64(each.message.value);
            encoder.write_u64(static_cast<std::uint64_t>(each.message.kind));
            encoder.write_bytes(&each.message.name, sizeof each.message.name);
            encoder.write_u64(DescriptorsOut::current().add(each.fd.get()));
        }
    }
    static std::shared_ptr<ChannelReader> decode(Decoder& decoder) {
        Parts parts = decode_descriptors(decoder);
        const auto made = std::make_shared<ChannelReader>(std::move(parts.socket), std::move(parts.memory));
        made->ended_ = decoder.read_u64() != 0;
        const auto part = decoder.read_bytes(static_cast<std::size_t>(decoder.read_u64()));
        if (!part.empty()) std::memcpy(made->value_.extend(part.size()), part.data(), part.size());
        constexpr std::size_t size_of_one = 3 * sizeof(std::uint64_t) + sizeof(RegionName);
        for (std::size_t left = decoder.read_count(size_of_one, typeid(ReceivedDescriptor)); left > 0; --left) {
            ReceivedDescriptor& each = made->received().emplace_back();
            each.message.value = decoder.read_u64();
            each.message.kind = static_cast<CrossingMessage::Kind>(decoder.read_u64());
            std::memcpy(&each.message.name, decoder.read(sizeof(RegionName), typeid(RegionName)), sizeof(RegionName));
            each.fd = DescriptorsIn::current().take(decoder.read_u64());
        }
        return made;
    }

  private:
    [[noreturn]] static void throw_not_open() {
        throw InvalidStateError(
            "Receiver: this end was closed, or sent to another process; use the end there, or make a new channel");
    }
    [[noreturn]] static void throw_timeout() {
        throw TimeoutError("Receiver::receive: no value arrived in the given time; the channel is still open");
    }
    /// After this nothing that comes can be understood.
    [[noreturn]] void fail(const char* why) {
        ended_ = true;
        close();
        throw SerializationError(std::string("Receiver::receive: ") + why + "; the channel is closed");
    }

    /// The next value into value_. False at the end.
    bool assemble(const Deadline& deadline) {
        for (bool first = true;; first = false) {
            if (available_ == 0) {
                // A sender that keeps up must not hold this thread beyond its deadline. What has come is kept.
                if (!first && deadline.passed()) throw_timeout();
                if (!look(deadline)) return false;
            }
            ChunkHeader header;
            if (available_ < sizeof header) fail("the sender wrote bytes that are not a value");
            ring_.read(reinterpret_cast<std::byte*>(&header), sizeof header);
            available_ -= sizeof header;
            descriptors_ = header.flags >> ChunkHeader::count_shift;
            const std::size_t number = descriptors_ == 0 ? 0 : sizeof number_;
            const std::uint32_t kind = header.flags & ((1u << ChunkHeader::count_shift) - 1);
            if (header.size > available_ || header.size < number || kind > ChunkHeader::forget ||
                (descriptors_ != 0 && kind != ChunkHeader::last))
                fail("the sender wrote bytes that are not a value");
            const std::size_t size = header.size - number;
            ring_.read(value_.extend(size), size);
            ring_.read(reinterpret_cast<std::byte*>(&number_), number);
            available_ -= header.size;
            ring_.publish();
            // A sender that sleeps is woken when half of the ring is free, not for each piece. One that has slept for a while
            // is woken for each value: its own may have room, and this receiver may not go on before it has been sent.
            const bool is_half_free = available_ <= ChannelRing::capacity / 2;
            if ((is_half_free || kind == ChunkHeader::last) &&
                page().writer_bell.must_ring(is_half_free ? Bell::room : Bell::any_room))
                wake_other();
            if (kind == ChunkHeader::last) return true;
            if (kind == ChunkHeader::forget) value_.clear();
        }
    }
    /// Waits for bytes. False at the end; what has come of a value is nothing then.
    bool look(const Deadline& deadline) {
        const auto news = [this] { return ring_.has_news(); };
        const Waited waited = news() ? Waited::over : wait(page().reader_bell, Bell::bytes, news, deadline);
        if (waited == Waited::timed_out) throw_timeout();
        if (waited == Waited::gone) {
            ended_ = true;
            value_ = ByteBuffer();
            return false;
        }
        try {
            available_ = ring_.available();
        } catch (const SerializationError& error) {
            fail(error.what());
        }
        return true;
    }

    /// They were sent before the value.
    std::vector<ReceivedDescriptor> claim_descriptors() {
        read_socket();
        std::vector<ReceivedDescriptor> claimed;
        while (!received().empty() && received().front().message.value <= number_) {
            if (received().front().message.value == number_) claimed.push_back(std::move(received().front()));
            received().pop_front();  // older ones belong to values that were taken back
        }
        if (claimed.size() != descriptors_)
            fail("a value arrived without its descriptors");
        return claimed;
    }

    RingReaderOf<ChannelRing> ring_;
    std::size_t available_ = 0;  // bytes in the ring as it was looked at last
    ByteBuffer value_;           // as much as has come
    std::size_t descriptors_ = 0;  // that belong to it
    std::uint64_t number_ = 0;     // of a value with descriptors
    bool ended_ = false;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
