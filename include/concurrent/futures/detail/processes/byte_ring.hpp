// SPDX-License-Identifier: MIT
//
// byte_ring.hpp: a stream of bytes from one process to another, in memory that both map.
//
//     RingWriter writer(page.tasks);                 RingReader reader(page.tasks);
//     writer.write(header);                          std::size_t size = reader.read(room);
//     writer.publish();                              reader.publish();
//     if (page.worker_bell.must_ring(Bell::bytes)) … write to a pipe
//
// One thread writes at a time, and one reads. Two positions that only grow, each written by one side: what
// lies between them belongs to the reader, the rest to the writer. Neither side believes the other: a
// position that cannot be is SerializationError, and nothing is looked at twice. So a process may die at
// any instruction, or write whatever it likes here, and harms its own bytes only.
//
// Who finds nothing to do says so at a Bell and looks again before it sleeps; who has done something
// looks at the bell and then, only if somebody waits for that, wakes him by other means. Both write
// their own word and then read the other one's, in the one order of all sequentially consistent operations,
// so that one of them sees what the other did.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// In shared memory. Zeros are an empty one. `Capacity` is a power of two.
template <std::size_t Capacity>
struct ByteRingOf {
    static constexpr std::size_t capacity = Capacity;
    static constexpr std::size_t line = 64;  // of the cache: each side writes to lines of its own

    alignas(line) Atomic<std::uint64_t> written{0};
    alignas(line) Atomic<std::uint64_t> read{0};
    alignas(line) std::array<std::byte, capacity> bytes;

    /// For any thread that knows where the reader was.
    bool has_moved_beyond(std::uint64_t position) const noexcept {
        // (2) pairs with (1). seq_cst, after a bell was told to ring.
        return written.load(std::memory_order_seq_cst) != position;
    }
};

/// The ring of the library's workers.
using ByteRing = ByteRingOf<64 * 1024>;

template <class Ring>
class RingWriterOf {
  public:
    /// Goes on where the ring says that it was left.
    explicit RingWriterOf(Ring& ring) noexcept
        : ring_(&ring),
          // relaxed: written by this side only.
          written_(ring.written.load(std::memory_order_relaxed)),
          published_(written_),
          read_(written_ - Ring::capacity) {}

    /// Bytes that can be written now; `wanted` or more are enough to know. Throws SerializationError when the
    /// reader is where no reader can be.
    std::size_t room_for(std::size_t wanted) {
        if (Ring::capacity - (written_ - read_) < wanted) look();
        return Ring::capacity - static_cast<std::size_t>(written_ - read_);
    }
    /// Copies as many as there is room for; the reader sees them after publish().
    std::size_t write(std::span<const std::byte> bytes) {
        const std::size_t size = (std::min)(bytes.size(), room_for(bytes.size()));
        if (size == 0) return 0;
        const std::size_t place = written_ % Ring::capacity;
        const std::size_t first = (std::min)(size, Ring::capacity - place);
        std::memcpy(ring_->bytes.data() + place, bytes.data(), first);
        if (size > first) std::memcpy(ring_->bytes.data(), bytes.data() + first, size - first);
        written_ += size;
        return size;
    }
    /// A look that never throws.
    bool may_have_room() const noexcept {
        // (3) as below.
        return ring_->read.load(std::memory_order_seq_cst) != written_ - Ring::capacity;
    }
    bool has_unpublished() const noexcept { return written_ != published_; }
    void publish() noexcept {
        published_ = written_;
        // (1) pairs with (2): hands over the bytes. seq_cst, before the bell is looked at.
        ring_->written.store(written_, std::memory_order_seq_cst);
    }

  private:
    void look() {
        // (3) pairs with (4): the reader has done with these bytes. seq_cst, after a bell was told to ring.
        read_ = ring_->read.load(std::memory_order_seq_cst);
        if (written_ - read_ > Ring::capacity) {
            read_ = written_ - Ring::capacity;
            throw SerializationError("the reader of a ring is where no reader can be");
        }
    }

    Ring* ring_;
    std::uint64_t written_;
    std::uint64_t published_;
    std::uint64_t read_;  // as last seen
};

template <class Ring>
class RingReaderOf {
  public:
    explicit RingReaderOf(Ring& ring) noexcept
        : ring_(&ring),
          // relaxed: written by this side only.
          read_(ring.read.load(std::memory_order_relaxed)) {}

    /// Bytes to be read now. Throws SerializationError when the writer is not where it can be.
    std::size_t available() const {
        // (2) pairs with (1). seq_cst, after a bell was told to ring.
        const std::uint64_t size = ring_->written.load(std::memory_order_seq_cst) - read_;
        if (size > Ring::capacity)
            throw SerializationError("the writer of a ring is where no writer can be");
        return static_cast<std::size_t>(size);
    }
    /// A look that never throws: something has changed since all was read.
    bool has_news() const noexcept { return ring_->has_moved_beyond(read_); }
    std::uint64_t position() const noexcept { return read_; }
    /// Copies out. At most available() as it was asked last, by the caller.
    void read(std::byte* to, std::size_t size) noexcept {
        if (size == 0) return;
        const std::size_t place = read_ % Ring::capacity;
        const std::size_t first = (std::min)(size, Ring::capacity - place);
        std::memcpy(to, ring_->bytes.data() + place, first);
        if (size > first) std::memcpy(to + first, ring_->bytes.data(), size - first);
        read_ += size;
    }
    /// What was read is room for the writer.
    void publish() noexcept {
        // (4) pairs with (3). seq_cst, before the bell is looked at.
        ring_->read.store(read_, std::memory_order_seq_cst);
    }

  private:
    Ring* ring_;
    std::uint64_t read_;
};

using RingWriter = RingWriterOf<ByteRing>;
using RingReader = RingReaderOf<ByteRing>;

/// In shared memory: what one side is about to sleep for.
class Bell {
  public:
    static constexpr std::uint32_t bytes = 1;  // to read
    static constexpr std::uint32_t room = 2;   // to write

    /// The sleeper: afterwards it looks once more.
    void expect(std::uint32_t what) noexcept {
        // (5) pairs with (6): this store comes before the next look, or after what that would have found.
        waited_for_.store(what, std::memory_order_seq_cst);
    }
    void forget() noexcept {
        // relaxed: a bell that rings in vain wakes somebody who is awake.
        if (waited_for_.load(std::memory_order_relaxed) != 0)
            waited_for_.store(0, std::memory_order_relaxed);
    }
    /// The other side, after publish(): true to one caller, who wakes the sleeper.
    bool must_ring(std::uint32_t what) noexcept {
        // (6) pairs with (5), twice: the first look only spares an exchange.
        return (waited_for_.load(std::memory_order_seq_cst) & what) != 0 &&
               waited_for_.exchange(0, std::memory_order_seq_cst) != 0;
    }

  private:
    Atomic<std::uint32_t> waited_for_{0};
};

static_assert(Atomic<std::uint64_t>::is_always_lock_free && Atomic<std::uint32_t>::is_always_lock_free,
              "shared between processes");

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
