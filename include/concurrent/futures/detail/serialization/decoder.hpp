// SPDX-License-Identifier: MIT
//
// decoder.hpp: reads values from bytes that another process wrote.
//
//     cf::Decoder decoder(bytes);
//     auto numbers = decoder.decode<std::vector<int>>();
//     decoder(name, age);                      // into objects that exist; `decoder & name & age`
//     decoder.expect_end();
//
// The bytes are not trusted: every read is checked against what is left, every length before
// memory is asked for, nesting is limited. What does not fit is a SerializationError that names
// the type and the offset. Threads: a value, not synchronised; the bytes must outlive it and
// every view it gave.
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <typeinfo>
#include <utility>

#include <concurrent/futures/detail/memory/roomy_value.hpp>
#include <concurrent/futures/detail/platform/process_requirements.hpp>
#include <concurrent/futures/detail/serialization/bitwise.hpp>
#include <concurrent/futures/detail/serialization/obstacle.hpp>
#include <concurrent/futures/errors.hpp>

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

/// Where codecs read from.
class Decoder {
  public:
    /// `sender` is the process the bytes come from; decoded RemoteErrors carry it as pid().
    explicit Decoder(std::span<const std::byte> bytes, int sender = 0) noexcept
        : data_(bytes.data()), size_(bytes.size()), sender_(sender) {}

    /// Reads a value of the type that was encoded. Throws SerializationError where the bytes cannot be one,
    /// or what the codec or a constructor throws.
    template <class T>
    T decode();

    /// A std::string_view or std::span<const T> into the received bytes, which must stay. Reads
    /// what a std::string, std::vector<T> or such a view was encoded as. The elements are aligned
    /// if the first of all bytes is aligned to 16; if they are not: SerializationError.
    template <class View>
    View decode_view();

    /// For serialize(archive): assigns to objects that exist; C arrays are welcome here.
    template <class... Ts>
    Decoder& operator()(Ts&... values);
    template <class T>
    Decoder& operator&(T& value);

    /// Views of the next bytes, and a number as Encoder::write_u64 wrote it. Throws SerializationError if
    /// fewer are left.
    std::span<const std::byte> read_bytes(std::size_t size) {
        return {read(size, typeid(std::byte)), size};
    }
    std::uint64_t read_u64() {
        std::uint64_t value;
        std::memcpy(&value, read(sizeof value, typeid(std::uint64_t)), sizeof value);
        return value;
    }

    /// The next `size` bytes on the way to a T.
    const std::byte* read(std::size_t size, const std::type_info& type) {
        if (size_ - offset_ < size) [[unlikely]]
            fail_short(type, size);
        const std::byte* const place = data_ + offset_;
        offset_ += size;
        return place;
    }

    /// Skips the padding that Encoder::align wrote.
    void align(std::size_t alignment) { read((0 - offset_) & (alignment - 1), typeid(std::byte)); }

    /// The number of elements of a container of type T, each of at least `minimum` bytes: no
    /// larger than what is left can hold.
    std::size_t read_count(std::size_t minimum, const std::type_info& type) {
        const std::uint64_t count = read_u64();
        const std::uint64_t limit =
            minimum != 0 ? remaining() / minimum : remaining() + detail::empty_element_limit;
        if (count > limit) [[unlikely]]
            fail_count(type, count);
        return static_cast<std::size_t>(count);
    }

    /// To be told after each element of a container that may take no bytes.
    void count_element(std::size_t offset_before, const std::type_info& type) {
        if (offset_ != offset_before) return;
        if (++empty_elements_ > detail::empty_element_limit) {
            fail(type, "more elements without bytes than one message may have");
        }
    }

    /// Bytes read, bytes left, and the process they come from (0: unknown).
    std::size_t offset() const noexcept { return offset_; }
    std::size_t remaining() const noexcept { return size_ - offset_; }
    int sender() const noexcept { return sender_; }

    /// Throws if bytes are left: the sender wrote something else than was read.
    void expect_end() const {
        if (remaining() != 0) [[unlikely]]
            fail_long();
    }

    /// A decoder of the next `size` bytes only, which this one skips. Offsets go on counting from
    /// the first of all bytes, so that alignment holds.
    Decoder section(std::size_t size) {
        Decoder part = *this;
        read(size, typeid(std::byte));
        part.size_ = offset_;
        return part;
    }

    /// Throws the SerializationError of bytes that cannot be a value of this type.
    [[noreturn, gnu::cold]] CONCURRENT_FUTURES_DECL void fail(const std::type_info& type, const std::string& reason) const;

  private:
    friend detail::NestingScope<Decoder>;
    void enter_nested() {
        if (depth_ == detail::nesting_limit) [[unlikely]]
            fail_nesting();
        ++depth_;
    }
    void leave_nested() noexcept { --depth_; }

    [[noreturn, gnu::cold]] CONCURRENT_FUTURES_DECL void fail_short(const std::type_info& type, std::size_t size) const;
    [[noreturn, gnu::cold]] CONCURRENT_FUTURES_DECL void fail_count(const std::type_info& type, std::uint64_t count) const;
    [[noreturn, gnu::cold]] CONCURRENT_FUTURES_DECL void fail_long() const;
    [[noreturn, gnu::cold]] CONCURRENT_FUTURES_DECL void fail_nesting() const;

    const std::byte* data_;
    std::size_t size_;
    std::size_t offset_ = 0;
    std::size_t empty_elements_ = 0;
    unsigned depth_ = 0;
    int sender_;
};

namespace detail {

/// A member of an aggregate, or an argument of archive(...): C arrays are welcome here.
template <class T>
void decode_member(Decoder& decoder, T& member) {
    if constexpr (std::is_array_v<T> && Bitwise<std::remove_all_extents_t<T>>) {
        std::memcpy(&member, decoder.read(sizeof member, typeid(T)), sizeof member);
    } else if constexpr (std::is_array_v<T>) {
        for (auto& element : member) decode_member(decoder, element);
    } else {
        RoomyValue<T> value([&] { return decoder.decode<T>(); });
        member = std::move(*value);
    }
}

template <class View>
struct ViewCodec;  // range_codec.hpp

}  // namespace detail

template <class T>
T Decoder::decode() {
    static_assert(std::is_same_v<T, std::remove_cvref_t<T>>,
                  "decode<T> gives a new value: write T without const and &");
    if constexpr (!detail::HasDecode<T>) {
        detail::explain_obstacle<T>();
    } else if constexpr (detail::HasUserCodec<T>) {
        const detail::NestingScope nesting(*this);
        return Codec<T>::decode(*this);
    } else {
        return detail::CodecOf<T>::decode(*this);
    }
}

template <class View>
View Decoder::decode_view() {
    return detail::ViewCodec<View>::decode(*this);
}

template <class... Ts>
Decoder& Decoder::operator()(Ts&... values) {
    (detail::decode_member(*this, values), ...);
    return *this;
}

template <class T>
Decoder& Decoder::operator&(T& value) {
    return (*this)(value);
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI

#if CONCURRENT_FUTURES_HEADER_ONLY
#include "concurrent/futures/impl/decoder.hpp"
#endif
