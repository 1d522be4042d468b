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
// lies between them belongs to the reader, the rest to the writer. Neither side trusts the other: an impossible
// position is a SerializationError, and no word of the other side is read twice. So a process that dies at
// any instruction, or writes anything here, harms its own bytes only.
//
// Sleep and wake-up. A side that has nothing to do writes what it waits for to its Bell, and looks at the ring once more
// before it sleeps. The other side publishes its bytes, looks at that bell, and wakes the sleeper (a byte in a pipe) if
// it waits for this. All four operations are sequentially consistent, so at least one side sees what the other did.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
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

    /// Any thread. `position`: RingReader::position() of before.
    bool has_moved_beyond(std::uint64_t position) const noexcept {
        // (2) seq_cst, pairs with (1) in RingWriter::publish(): the bytes are there. The sleeper has set its bell before.
        return written.load(std::memory_order_seq_cst) != position;
    }
};

/// The ring of the library's workers.
using ByteRing = ByteRingOf<tuning::worker_ring>;

template <class Ring>
class RingWriterOf {
  public:
    /// Goes on at the position in the ring.
    explicit RingWriterOf(Ring& ring) noexcept
        : ring_(&ring),
          // relaxed: written by this side only.
          written_(ring.written.load(std::memory_order_relaxed)),
          published_(written_),
          read_(written_ - Ring::capacity) {}

    /// How many bytes can be written now; looks at the reader only if fewer than `wanted` are known to be free. Throws
    /// SerializationError for a position of the reader that is impossible.
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
    /// As room_for(1) > 0, but never throws.
    bool may_have_room() const noexcept {
        // (3) seq_cst, pairs with (4) in RingReader::publish(): as in look().
        return ring_->read.load(std::memory_order_seq_cst) != written_ - Ring::capacity;
    }
    bool has_unpublished() const noexcept { return written_ != published_; }
    void publish() noexcept {
        published_ = written_;
        // (1) seq_cst, pairs with (2) in has_moved_beyond() and available(): hands over the bytes. The bell is looked
        // at afterwards.
        ring_->written.store(written_, std::memory_order_seq_cst);
    }

  private:
    void look() {
        // (3) seq_cst, pairs with (4) in RingReader::publish(): the reader has done with these bytes. A writer that
        // will sleep has set its bell before.
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

    /// How many bytes can be read now. Throws SerializationError for a position of the writer that is impossible.
    std::size_t available() const {
        // (2) seq_cst, pairs with (1) in RingWriter::publish(): the bytes are there. A reader that will sleep has set
        // its bell before.
        const std::uint64_t size = ring_->written.load(std::memory_order_seq_cst) - read_;
        if (size > Ring::capacity)
            throw SerializationError("the writer of a ring is where no writer can be");
        return static_cast<std::size_t>(size);
    }
    /// As available() > 0 after all was read, but never throws.
    bool has_news() const noexcept { return ring_->has_moved_beyond(read_); }
    std::uint64_t position() const noexcept { return read_; }
    /// Copies bytes out: no more than available() gave last.
    void read(std::byte* to, std::size_t size) noexcept {
        if (size == 0) return;
        const std::size_t place = read_ % Ring::capacity;
        const std::size_t first = (std::min)(size, Ring::capacity - place);
        std::memcpy(to, ring_->bytes.data() + place, first);
        if (size > first) std::memcpy(to + first, ring_->bytes.data(), size - first);
        read_ += size;
    }
    /// The writer may write over what was read.
    void publish() noexcept {
        // (4) seq_cst, pairs with (3) in RingWriter::look() and may_have_room(): these bytes are not needed any more. The
        // bell is looked at afterwards.
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
    static constexpr std::uint32_t bytes = 1;     // to read
    static constexpr std::uint32_t room = 2;      // to write
    static constexpr std::uint32_t any_room = 4;  // the same, where the other side would gather some before it rings

    /// The side that will sleep; afterwards it looks once more.
    void expect(std::uint32_t what) noexcept {
        // (5) seq_cst, pairs with (6) in must_ring(): (6) sees this store, or the look after it sees what was published
        // before (6).
        waited_for_.store(what, std::memory_order_seq_cst);
    }
    void forget() noexcept {
        // relaxed: if the other side misses this, it wakes a side that is awake, which does no harm.
        if (waited_for_.load(std::memory_order_relaxed) != 0)
            waited_for_.store(0, std::memory_order_relaxed);
    }
    /// The other side, after publish(). True: the caller wakes the sleeper; no other caller does.
    bool must_ring(std::uint32_t what) noexcept {
        // (6) seq_cst, both: the load and the exchange pair with (5) in expect(). The load spares the exchange, which
        // costs more.
        return (waited_for_.load(std::memory_order_seq_cst) & what) != 0 &&
               waited_for_.exchange(0, std::memory_order_seq_cst) != 0;  // (6)
    }

  private:
    Atomic<std::uint32_t> waited_for_{0};
};

static_assert(Atomic<std::uint64_t>::is_always_lock_free && Atomic<std::uint32_t>::is_always_lock_free,
              "shared between processes");

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
