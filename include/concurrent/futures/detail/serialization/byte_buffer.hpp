// SPDX-License-Identifier: MIT
//
// byte_buffer.hpp: a growing block of bytes that is never filled with zeros first.
//
//     detail::ByteBuffer buffer;
//     std::memcpy(buffer.extend(4), &number, 4);       // room for four more bytes
//     send(buffer.data(), buffer.size());
//
// Threads: a value, not synchronised. Memory: one allocation, doubled when full, aligned as
// malloc aligns (16 bytes on the platforms we know), which is what Decoder::decode_view relies on.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <limits>
#include <new>
#include <span>
#include <utility>

namespace concurrent::futures::inline v1::detail {

class ByteBuffer {
  public:
    ByteBuffer() noexcept = default;
    ByteBuffer(ByteBuffer&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)),
          size_(std::exchange(other.size_, 0)),
          capacity_(std::exchange(other.capacity_, 0)) {}
    ByteBuffer& operator=(ByteBuffer&& other) noexcept {
        ByteBuffer(std::move(other)).swap(*this);
        return *this;
    }
    ByteBuffer(const ByteBuffer&) = delete;
    ByteBuffer& operator=(const ByteBuffer&) = delete;
    ~ByteBuffer() { std::free(data_); }

    std::byte* data() noexcept { return data_; }
    const std::byte* data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }
    std::size_t capacity() const noexcept { return capacity_; }
    bool empty() const noexcept { return size_ == 0; }

    std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }
    operator std::span<const std::byte>() const noexcept { return bytes(); }

    /// Appends `count` bytes of unspecified value and returns where they start.
    std::byte* extend(std::size_t count) {
        if (capacity_ - size_ < count) [[unlikely]]
            grow(count);
        std::byte* const place = data_ + size_;
        size_ += count;
        return place;
    }

    /// Drops everything from `size` on. Precondition: size <= size().
    void truncate(std::size_t size) noexcept { size_ = size; }
    void clear() noexcept { size_ = 0; }

    void reserve(std::size_t capacity) {
        if (capacity > capacity_) reallocate(capacity);
    }

    void swap(ByteBuffer& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        std::swap(capacity_, other.capacity_);
    }

  private:
    [[gnu::noinline]] void grow(std::size_t count) {
        constexpr std::size_t smallest = 256;
        constexpr std::size_t largest = std::numeric_limits<std::size_t>::max() / 2;
        if (count > largest - size_) throw std::bad_alloc();
        const std::size_t needed = size_ + count;
        const std::size_t doubled = capacity_ < smallest / 2 ? smallest : capacity_ * 2;
        reallocate(needed > doubled ? needed : doubled);
    }

    void reallocate(std::size_t capacity) {
        void* const moved = std::realloc(data_, capacity);
        if (moved == nullptr) throw std::bad_alloc();
        data_ = static_cast<std::byte*>(moved);
        capacity_ = capacity;
    }

    std::byte* data_ = nullptr;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

}  // namespace concurrent::futures::inline v1::detail
