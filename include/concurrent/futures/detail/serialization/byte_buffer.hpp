// SPDX-License-Identifier: MIT
//
// byte_buffer.hpp: a growing block of bytes that is never filled with zeros first.
//
//     detail::ByteBuffer buffer;
//     std::memcpy(buffer.extend(4), &number, 4);       // room for four more bytes
//     send(buffer.data(), buffer.size());
//
// Threads: a value, not synchronised. Memory: one allocation, doubled when full, aligned as
// malloc aligns (16 bytes on the platforms we know), which is what Decoder::decode_view relies on. A buffer
// that was given a ByteStore takes large amounts from there, as long as that has any. What the bytes name and
// do not contain (shared_region.hpp) is kept along with them.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class SharedRegion;
using SharedRegionList = std::vector<std::shared_ptr<SharedRegion>>;

/// Memory for large buffers that is not the heap's, for example because another process sees it too.
class ByteStore {
  public:
    /// What buffers ask for; smaller ones stay in the heap.
    static constexpr std::size_t smallest = tuning::shared_from;

    /// At least `size` bytes, aligned to 16; `size` becomes how many. Null: no memory is left here.
    virtual std::byte* allocate(std::size_t& size) noexcept = 0;
    /// May be called after all other owners have let go of the store, and in any thread.
    virtual void release(std::byte* data, std::size_t size) noexcept = 0;

  protected:
    ByteStore() = default;
    ByteStore(const ByteStore&) = delete;
    ByteStore& operator=(const ByteStore&) = delete;
    virtual ~ByteStore() = default;
};

/// The shared memory that the bytes of a buffer name: kept for as long as they may be read. Mostly none.
class NamedRegions {
  public:
    void keep(std::shared_ptr<SharedRegion> region) {
        if (!list_) list_ = std::make_unique<SharedRegionList>();
        if (list_->empty() || list_->back() != region) list_->push_back(std::move(region));
    }
    std::span<const std::shared_ptr<SharedRegion>> all() const noexcept {
        return list_ ? std::span<const std::shared_ptr<SharedRegion>>(*list_)
                     : std::span<const std::shared_ptr<SharedRegion>>();
    }
    /// Not kept here any more.
    SharedRegionList take() noexcept {
        SharedRegionList taken;
        if (list_) taken.swap(*list_);
        list_.reset();
        return taken;
    }
    void clear() noexcept { list_.reset(); }

  private:
    std::unique_ptr<SharedRegionList> list_;
};

class ByteBuffer {
  public:
    ByteBuffer() noexcept = default;
    /// Grows into the store, which may be null.
    explicit ByteBuffer(ByteStore* store) noexcept : store_(store) {}
    /// Begins in memory that another owner frees later: before that the bytes must be moved to other memory
    /// (move_to), or be more than fit there.
    ByteBuffer(ByteStore* store, std::span<std::byte> lent) noexcept
        : data_(lent.data()), capacity_(lent.size()), store_(store), memory_(Memory::lent) {}
    /// Takes over bytes that the store has given out.
    ByteBuffer(ByteStore& store, std::byte* data, std::size_t size) noexcept
        : data_(data), size_(size), capacity_(size), store_(&store), memory_(Memory::store) {}
    /// These bytes, where they are for now.
    static ByteBuffer of_lent(std::span<std::byte> bytes) noexcept {
        ByteBuffer buffer(nullptr, bytes);
        buffer.size_ = bytes.size();
        return buffer;
    }
    /// The same, in memory of its own.
    ByteBuffer kept() && {
        if (is_lent()) reallocate(size_ + 1);  // some, even for none
        return std::move(*this);
    }
    /// From here on the bytes lie in this memory, which has room for size() bytes and which another owner frees later.
    void move_to(std::byte* place) noexcept { move_to(place, size_, Memory::lent); }
    ByteBuffer(ByteBuffer&& other) noexcept
        : regions(std::move(other.regions)),
          data_(std::exchange(other.data_, nullptr)),
          size_(std::exchange(other.size_, 0)),
          capacity_(std::exchange(other.capacity_, 0)),
          store_(other.store_),
          memory_(std::exchange(other.memory_, Memory::heap)) {}
    ByteBuffer& operator=(ByteBuffer&& other) noexcept {
        ByteBuffer(std::move(other)).swap(*this);
        return *this;
    }
    ByteBuffer(const ByteBuffer&) = delete;
    ByteBuffer& operator=(const ByteBuffer&) = delete;
    ~ByteBuffer() { free_memory(); }

    std::byte* data() noexcept { return data_; }
    const std::byte* data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }
    std::size_t capacity() const noexcept { return capacity_; }
    bool empty() const noexcept { return size_ == 0; }
    /// The bytes lie in the store, not in the heap.
    bool is_stored() const noexcept { return memory_ == Memory::store; }
    /// The bytes lie in memory that another owner frees.
    bool is_lent() const noexcept { return memory_ == Memory::lent; }

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
    void clear() noexcept {
        size_ = 0;
        regions.clear();
    }

    void reserve(std::size_t capacity) {
        if (capacity > capacity_) reallocate(capacity);
    }

    /// The memory is the caller's now; the buffer is empty.
    std::span<std::byte> detach() noexcept {
        memory_ = Memory::heap;
        size_ = 0;
        return {std::exchange(data_, nullptr), std::exchange(capacity_, 0)};
    }

    void swap(ByteBuffer& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        std::swap(capacity_, other.capacity_);
        std::swap(store_, other.store_);
        std::swap(memory_, other.memory_);
        std::swap(regions, other.regions);
    }

    NamedRegions regions;  // which the bytes name; clear() forgets them, and a move takes them along

  private:
    enum class Memory : unsigned char { heap, store, lent };

    [[gnu::noinline]] void grow(std::size_t count) {
        constexpr std::size_t smallest = tuning::smallest_buffer;
        constexpr std::size_t largest = (std::numeric_limits<std::size_t>::max)() / 2;
        if (count > largest - size_) throw std::bad_alloc();
        const std::size_t needed = size_ + count;
        const std::size_t doubled = capacity_ < smallest / 2 ? smallest : capacity_ * 2;
        reallocate(needed > doubled ? needed : doubled);
    }

    void reallocate(std::size_t capacity) {
        if (store_ && capacity >= ByteStore::smallest)
            if (std::byte* const place = store_->allocate(capacity)) return move_to(place, capacity, Memory::store);
        if (memory_ != Memory::heap) {
            void* const place = std::malloc(capacity);
            if (place == nullptr) throw std::bad_alloc();
            return move_to(static_cast<std::byte*>(place), capacity, Memory::heap);
        }
        void* const moved = std::realloc(data_, capacity);
        if (moved == nullptr) throw std::bad_alloc();
        data_ = static_cast<std::byte*>(moved);
        capacity_ = capacity;
    }

    void move_to(std::byte* place, std::size_t capacity, Memory memory) noexcept {
        if (size_ != 0) std::memcpy(place, data_, size_);
        free_memory();
        data_ = place;
        capacity_ = capacity;
        memory_ = memory;
    }
    void free_memory() noexcept {
        if (memory_ == Memory::heap) [[likely]]
            std::free(data_);
        else if (memory_ == Memory::store)
            store_->release(data_, capacity_);
    }

    std::byte* data_ = nullptr;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
    ByteStore* store_ = nullptr;
    Memory memory_ = Memory::heap;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
