// SPDX-License-Identifier: MIT
//
// encoder.hpp: values into bytes.
//
//     cf::Encoder encoder;
//     encoder.encode(std::vector{1, 2, 3});
//     encoder(name, age);                      // or: encoder & name & age
//     send(encoder.bytes());
//     encoder.clear();                         // keeps the memory for the next message
//
// Wire: scalars packed, native little-endian; lengths are u64. The elements of a contiguous range
// of bitwise types start at a multiple of their alignment, counted from the start of the buffer:
// a receiver decodes from the same start, or from a multiple of 16 bytes after it.
// Threads: a value, not synchronised. Errors: SerializationError, std::bad_alloc, and whatever a
// user's codec throws; what was written before it then still stands, truncate() takes it back.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <typeinfo>
#include <utility>

#include <concurrent/futures/detail/platform/process_requirements.hpp>
#include <concurrent/futures/detail/serialization/bitwise.hpp>
#include <concurrent/futures/detail/serialization/byte_buffer.hpp>
#include <concurrent/futures/detail/serialization/obstacle.hpp>
#include <concurrent/futures/errors.hpp>

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

/// Where codecs write to.
class Encoder {
  public:
    /// Holds nothing, and asks for no memory yet.
    Encoder() noexcept = default;
    /// Writes on after what `buffer` holds, reusing its memory.
    explicit Encoder(detail::ByteBuffer buffer) noexcept : buffer_(std::move(buffer)) {}
    /// Begins in memory of another owner, and grows into the store, which may be null.
    Encoder(detail::ByteStore* store, std::span<std::byte> lent) noexcept : buffer_(store, lent) {}

    /// Writes a value of any type that can cross (serialization.hpp). For others it does not compile, and
    /// says what stands in the way.
    template <class T>
    void encode(const T& value);

    /// For serialize(archive): C arrays are welcome here.
    template <class... Ts>
    Encoder& operator()(const Ts&... values);
    template <class T>
    Encoder& operator&(const T& value);

    /// As they are, without their number.
    void write_bytes(const void* data, std::size_t size) {
        if (size != 0) std::memcpy(buffer_.extend(size), data, size);
    }
    void write_u64(std::uint64_t value) { write_bytes(&value, sizeof value); }

    /// Pads with zero bytes until size() is a multiple of `alignment`, a power of two.
    void align(std::size_t alignment) {
        const std::size_t padding = (0 - buffer_.size()) & (alignment - 1);
        if (padding != 0) std::memset(buffer_.extend(padding), 0, padding);
    }

    /// Room for a number that is known only later; the offset is for patch_u64.
    std::size_t reserve_u64() {
        const std::size_t offset = buffer_.size();
        write_u64(0);
        return offset;
    }
    /// Overwrites what reserve_u64() gave the offset of.
    void patch_u64(std::size_t offset, std::uint64_t value) noexcept {
        std::memcpy(buffer_.data() + offset, &value, sizeof value);
    }

    /// What has been written so far. bytes() is valid until more is; take() gives the memory away.
    std::size_t size() const noexcept { return buffer_.size(); }
    std::span<const std::byte> bytes() const noexcept { return buffer_.bytes(); }
    detail::ByteBuffer take() && noexcept { return std::move(buffer_); }

    /// Back to nothing, or to the first `size` bytes; the memory stays. reserve() asks for it ahead.
    void clear() noexcept { buffer_.clear(); }
    void truncate(std::size_t size) noexcept { buffer_.truncate(size); }
    void reserve(std::size_t capacity) { buffer_.reserve(capacity); }

    /// The bytes name this memory, which is kept as long as they are. Bytes that are copied elsewhere name it,
    /// too, and do not keep it.
    void keep(std::shared_ptr<detail::SharedRegion> region) { buffer_.regions.keep(std::move(region)); }
    std::span<const std::shared_ptr<detail::SharedRegion>> named() const noexcept { return buffer_.regions.all(); }

    /// `size` bytes of unspecified value at the end, for a codec that fills them at once.
    std::byte* extend(std::size_t size) { return buffer_.extend(size); }

    /// Throws the SerializationError of a value of this type that cannot be written.
    [[noreturn, gnu::cold]] CONCURRENT_FUTURES_DECL void fail(const std::type_info& type, const std::string& reason) const;

  private:
    friend detail::NestingScope<Encoder>;
    void enter_nested() {
        if (depth_ == detail::nesting_limit) [[unlikely]]
            fail_nesting();
        ++depth_;
    }
    void leave_nested() noexcept { --depth_; }
    [[noreturn, gnu::cold]] CONCURRENT_FUTURES_DECL void fail_nesting() const;

    detail::ByteBuffer buffer_;
    unsigned depth_ = 0;
};

namespace detail {

/// A member of an aggregate, or an argument of archive(...): C arrays are welcome here.
template <class T>
void encode_member(Encoder& encoder, const T& member) {
    if constexpr (std::is_array_v<T> && Bitwise<std::remove_all_extents_t<T>>) {
        encoder.write_bytes(&member, sizeof member);
    } else if constexpr (std::is_array_v<T>) {
        for (const auto& element : member) encode_member(encoder, element);
    } else {
        encoder.encode(member);
    }
}

}  // namespace detail

template <class T>
void Encoder::encode(const T& value) {
    if constexpr (!detail::HasEncode<T>) {
        detail::explain_obstacle<T>();
    } else if constexpr (detail::HasUserCodec<T>) {
        const detail::NestingScope nesting(*this);
        Codec<T>::encode(*this, value);
    } else {
        detail::CodecOf<T>::encode(*this, value);
    }
}

template <class... Ts>
Encoder& Encoder::operator()(const Ts&... values) {
    (detail::encode_member(*this, values), ...);
    return *this;
}

template <class T>
Encoder& Encoder::operator&(const T& value) {
    return (*this)(value);
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI

#if CONCURRENT_FUTURES_HEADER_ONLY
#include "concurrent/futures/impl/encoder.hpp"
#endif
