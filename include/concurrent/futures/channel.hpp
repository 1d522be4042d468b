// SPDX-License-Identifier: MIT
//
// channel.hpp: values from one process to another, in order, as through Python's multiprocessing.Pipe(duplex=False).
//
//     auto [sender, receiver] = cf::make_channel<Image>();
//     cf::Process camera(film, std::move(sender));              // the sender is there now, and gone here
//     for (const Image& image : receiver) show(image);          // ends when every sender is closed or dead
//
// Any type that can cross (serialization.hpp) can be sent, and so can ends of other channels, alone or inside a value.
// The channel holds about 256 KiB; a sender of more waits until some is received. A large value is sent in pieces.
// When send() returns, the value has been sent, and a receiver that waits is woken: values are not collected first.
// An end crosses as an argument of a Process, or in another channel; the object here is empty then. It does not cross
// to the worker of a pool: that does not compile.
// Threads: use an end from one thread at a time. Both ends of a channel may be in one process. While a worker of a
// thread pool waits in send() or receive(), another thread works in its place.
// Memory: 256 KiB for the channel and two descriptors for each end. Values up to 16 MiB reuse the memory of earlier ones.
// How it works: detail/channels/channel_end.hpp.
#pragma once

#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "concurrent/futures/detail/channels/channel_ends.hpp"
#include "concurrent/futures/detail/channels/descriptor_parts.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/errors.hpp"
#include "concurrent/futures/serialization.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {
namespace detail {
template <class T>
struct ChannelMaker;
}

/// The end of a channel that values go into. Moves, and is not copied.
template <class T>
class Sender {
    static_assert(std::is_object_v<T> && !std::is_const_v<T>, "make_channel<T>: T must be a value type: no "
                                                              "reference, no const");

  public:
    /// No end at all, as after a move.
    Sender() noexcept = default;
    Sender(Sender&&) noexcept = default;
    Sender& operator=(Sender&&) noexcept = default;

    /// Waits while the channel is full. Throws BrokenChannelError when the receiver is gone, InvalidStateError when
    /// this end was closed or moved away, SerializationError or what a codec throws when the value cannot be encoded.
    void send(const T& value) { send_copy(value, detail::Deadline::never()); }
    void send(T&& value) { send_value(value, detail::Deadline::never()); }
    /// False when the channel stayed full for `timeout`: then the value will not be received, not even in part.
    template <class Rep, class Period>
    bool send(const T& value, std::chrono::duration<Rep, Period> timeout) {
        return send_copy(value, detail::Deadline::after(timeout, "the timeout of Sender::send"));
    }
    template <class Rep, class Period>
    bool send(T&& value, std::chrono::duration<Rep, Period> timeout) {
        return send_value(value, detail::Deadline::after(timeout, "the timeout of Sender::send"));
    }
    /// Closes this end. The receiver gets what was sent before, then the end. The destructor does the same.
    void close() noexcept {
        if (writer_) detail::close_end(*writer_);
    }
    /// It can send: not closed, not moved away, not gone to another process.
    bool is_open() const noexcept { return writer_ && detail::is_open(*writer_); }

  private:
    friend detail::BuiltinCodec<Sender>;
    friend detail::ChannelMaker<T>;
    explicit Sender(std::shared_ptr<detail::ChannelWriter> writer) noexcept : writer_(std::move(writer)) {}

    bool send_copy(const T& value, const detail::Deadline& deadline) {
        static_assert(!detail::has_channel_end<T>,
                      "the end of a channel goes away with the value that it is sent in: write "
                      "sender.send(std::move(value))");
        return send_value(value, deadline);
    }
    bool send_value(const T& value, const detail::Deadline& deadline) {
        detail::require_serializable<T>();
        return detail::send_to(writer(), value, deadline);
    }
    detail::ChannelWriter& writer() const {
        if (!writer_) throw InvalidStateError("Sender: this object has no channel: it was moved from, or "
                                              "default-constructed; make one with make_channel<T>()");
        return *writer_;
    }

    std::shared_ptr<detail::ChannelWriter> writer_;
};

/// The end of a channel that values come out of. Moves, and is not copied.
template <class T>
class Receiver {
    static_assert(std::is_object_v<T> && !std::is_const_v<T>, "make_channel<T>: T must be a value type: no "
                                                              "reference, no const");

  public:
    class Iterator;

    /// No end at all, as after a move.
    Receiver() noexcept = default;
    Receiver(Receiver&&) noexcept = default;
    Receiver& operator=(Receiver&&) noexcept = default;

    /// Waits for the next value. Empty at the end: every sender was closed or has died, and all whole values have
    /// been received. Throws SerializationError when the bytes are no T, InvalidStateError when this end is gone.
    std::optional<T> receive() { return receive_until(detail::Deadline::never()); }
    /// Throws TimeoutError when no whole value arrived in that time. The channel stays open, and the next receive()
    /// goes on with what has come of the value.
    template <class Rep, class Period>
    std::optional<T> receive(std::chrono::duration<Rep, Period> timeout) {
        return receive_until(detail::Deadline::after(timeout, "the timeout of Receiver::receive"));
    }
    /// Closes this end. From now on the sender gets BrokenChannelError. The destructor does the same.
    void close() noexcept {
        if (reader_) detail::close_end(*reader_);
    }
    /// It can receive: not closed, not moved away, not gone to another process.
    bool is_open() const noexcept { return reader_ && detail::is_open(*reader_); }

    /// For `for (const T& value : receiver)`: all values to the end. begin() waits for the first one.
    Iterator begin() { return Iterator(*this); }
    std::default_sentinel_t end() const noexcept { return {}; }

  private:
    friend detail::BuiltinCodec<Receiver>;
    friend detail::ChannelMaker<T>;
    explicit Receiver(std::shared_ptr<detail::ChannelReader> reader) noexcept : reader_(std::move(reader)) {}

    std::optional<T> receive_until(const detail::Deadline& deadline) {
        detail::require_serializable<T>();
        return detail::receive_from<T>(reader(), deadline);
    }
    detail::ChannelReader& reader() const {
        if (!reader_)
            throw InvalidStateError("Receiver: this object has no channel: it was moved from, or "
                                    "default-constructed; make one with make_channel<T>()");
        return *reader_;
    }

    std::shared_ptr<detail::ChannelReader> reader_;
};

/// An input iterator: each increment receives.
template <class T>
class Receiver<T>::Iterator {
  public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;

    /// The receiver must outlive the iterator.
    explicit Iterator(Receiver& receiver) : receiver_(&receiver), value_(receiver.receive()) {}
    /// The value may be moved from.
    T& operator*() const noexcept { return *value_; }
    T* operator->() const noexcept { return std::addressof(*value_); }
    /// Waits for the next one.
    Iterator& operator++() {
        value_ = receiver_->receive();
        return *this;
    }
    void operator++(int) { ++*this; }
    /// All has been received.
    friend bool operator==(const Iterator& it, std::default_sentinel_t) noexcept { return !it.value_; }

  private:
    Receiver* receiver_;
    mutable std::optional<T> value_;
};

namespace detail {

/// For make_channel().
template <class T>
struct ChannelMaker {
    static std::pair<Sender<T>, Receiver<T>> make() {
        auto [writer, reader] = make_channel_ends();
        return {Sender<T>(std::move(writer)), Receiver<T>(std::move(reader))};
    }
};

}  // namespace detail

/// A channel from its sender to its receiver. Throws std::system_error, std::bad_alloc.
template <class T>
std::pair<Sender<T>, Receiver<T>> make_channel() {
    return detail::ChannelMaker<T>::make();
}

namespace detail {

template <class T>
inline constexpr bool is_channel_end<Sender<T>> = true;
template <class T>
inline constexpr bool is_channel_end<Receiver<T>> = true;

/// Takes the end away from its owner, once all has been sent.
template <class T>
struct BuiltinCodec<Sender<T>> {
    static constexpr std::size_t minimum_size() { return 4 * sizeof(std::uint64_t); }
    static void encode(Encoder& encoder, const Sender<T>& sender) {
        static_cast<void>(sender.writer());
        encode_end(encoder, sender.writer_);
    }
    static Sender<T> decode(Decoder& decoder) { return Sender<T>(decode_writer(decoder)); }
};
template <class T>
struct BuiltinCodec<Receiver<T>> {
    static constexpr std::size_t minimum_size() { return 5 * sizeof(std::uint64_t); }
    static void encode(Encoder& encoder, const Receiver<T>& receiver) {
        static_cast<void>(receiver.reader());
        encode_end(encoder, receiver.reader_);
    }
    static Receiver<T> decode(Decoder& decoder) { return Receiver<T>(decode_reader(decoder)); }
};

}  // namespace detail
}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
