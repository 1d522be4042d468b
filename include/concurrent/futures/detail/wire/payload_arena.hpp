// SPDX-License-Identifier: MIT
//
// payload_arena.hpp: memory that a process pool shares with its workers for the bytes of large calls and large results.
// Then a frame in the ring says only where the bytes lie. Likewise between the root of MPI pools and ranks on its node.
//
//     pool                                                            workers
//     PayloadArena, one per pool  ══ read-only for the workers ══▶  PayloadView of calls
//     PayloadView, one per worker ◀═ read-only for the pool ══════  PayloadArena of results
//
//     Encoder encoder{ByteBuffer(&arena)};          // what grows large grows into the arena
//     PayloadPlace place = arena.place_of(bytes);   // travels in a frame
//     ByteBuffer same = view.at(place);             // elsewhere: the bytes themselves, not a copy
//
// So a large argument is copied once, when it is encoded; a span over it is read where it lies. Memory that is freed
// keeps its pages ("warm") for the next large body; trim() gives it back to the system. If the arena has no memory
// left, the bytes are encoded in the heap and go through the ring.
//
// A result belongs to the pool from when it is sent until the pool has read it. The pool says so by one bit per result in
// flight (its "parcel"), in the first page, which both sides write. The pool maps the other pages read-only and believes
// nothing in them: a place is checked, and its sender must have provided real memory for it. The bytes may change while
// they are read, see RemoteTask::reads_result_once(). A worker sees the calls of other workers, and can change none.
// Threads: any. Memory: the region lives as long as the arena, a view, or bytes in them; the kernel frees it
// with the last process that maps it, however that ended.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/memory/free_extents.hpp"
#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/fork_generation.hpp"
#include "concurrent/futures/detail/platform/process_memory.hpp"
#include "concurrent/futures/detail/platform/shared_memory.hpp"
#include "concurrent/futures/detail/serialization/codecs.hpp"
#include "concurrent/futures/detail/wire/frame.hpp"
#include "concurrent/futures/detail/wire/pool_descriptors.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Where the body of a frame lies that is not in the frame.
struct PayloadPlace {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    std::uint64_t parcel = 0;  // of a result: its number, to be told when it has been read
};
static_assert(sizeof(PayloadPlace) == 24);

/// The first page of a region.
struct PayloadReturns {
    static constexpr std::size_t parcels = 64;

    /// Reader: this result may be overwritten.
    void give_back(std::size_t parcel) noexcept {
        // (1) release, pairs with (2): it has been read.
        read_.fetch_or(std::uint64_t{1} << parcel, std::memory_order_release);
    }
    /// Writer: one bit for each result that was given back since the last time.
    std::uint64_t take() noexcept {
        // (2) acquire, pairs with (1).
        return read_.exchange(0, std::memory_order_acquire);
    }

  private:
    Atomic<std::uint64_t> read_{0};
};
static_assert(Atomic<std::uint64_t>::is_always_lock_free, "shared between processes");

/// Counts its owners and the bytes that are in use, and is freed with the last owner.
class PayloadMemory : public ByteStore {
  public:
    void retain() noexcept {
        // relaxed: the caller holds a reference.
        references_.fetch_add(1, std::memory_order_relaxed);
    }
    void drop() noexcept {
        // acq_rel, pairs with itself: the last one sees what all others did.
        if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
    }
    const SharedMemory& region() const noexcept { return region_; }

  protected:
    /// With PoolDescriptors::mutex held since the region was made.
    explicit PayloadMemory(SharedMemory region) : region_(std::move(region)) {
        if (region_.fd() >= 0) PoolDescriptors::instance().open.push_back(region_.fd());
    }
    ~PayloadMemory() override {
        PoolDescriptors& descriptors = PoolDescriptors::instance();
        const std::lock_guard lock(descriptors.mutex);
        std::erase(descriptors.open, region_.fd());
        region_.close_fd();
    }
    /// A fork of the program has the objects but not the memory.
    bool in_forked_child() const noexcept { return born_.in_forked_child(); }
    SharedMemory region_;

  private:
    Atomic<std::size_t> references_{1};
    const ForkMark born_;
};

/// An owner; may be empty.
template <class T>
class PayloadHandle {
  public:
    PayloadHandle() noexcept = default;
    explicit PayloadHandle(T* memory) noexcept : memory_(memory) {}
    PayloadHandle(PayloadHandle&& other) noexcept : memory_(std::exchange(other.memory_, nullptr)) {}
    PayloadHandle& operator=(PayloadHandle&& other) noexcept {
        std::swap(memory_, other.memory_);
        return *this;
    }
    ~PayloadHandle() {
        if (memory_) memory_->drop();
    }
    T* get() const noexcept { return memory_; }
    T* operator->() const noexcept { return memory_; }
    explicit operator bool() const noexcept { return memory_ != nullptr; }

  private:
    T* memory_ = nullptr;
};

/// The side that writes.
class PayloadArena final : public PayloadMemory {
  public:
    /// Null when there is no region. With PoolDescriptors::mutex held since it was made. `as_heap`: gives no
    /// more memory at a time than the heap could, for processes whose memory is limited.
    static PayloadHandle<PayloadArena> over(SharedMemory region, bool as_heap = false) {
        if (!region) return {};
        FreeExtents all(SharedMemory::page, region.size());
        return PayloadHandle<PayloadArena>(new PayloadArena(std::move(region), std::move(all), as_heap));
    }

    inline std::byte* allocate(std::size_t& size) noexcept override;
    inline void release(std::byte* data, std::size_t size) noexcept override;

    /// Of bytes that lie here.
    PayloadPlace place_of(std::span<const std::byte> bytes) const noexcept {
        return {static_cast<std::uint64_t>(bytes.data() - region_.data()), bytes.size(), 0};
    }
    /// The bytes lie here.
    bool has(std::span<const std::byte> bytes) const noexcept {
        const auto place = reinterpret_cast<std::uintptr_t>(bytes.data());
        const auto begin = reinterpret_cast<std::uintptr_t>(region_.data());
        return place >= begin && place < begin + region_.size();
    }
    /// Hands the bytes to the view at the other side, which gives them back. Empty when too many are there
    /// already: `bytes` are the caller's still.
    std::optional<PayloadPlace> send(ByteBuffer& bytes) noexcept;
    /// Memory that is not in use, for the next large body.
    bool keeps_unused() noexcept {
        const std::lock_guard lock(mutex_);
        return free_.warm() != 0;
    }
    /// Gives the system what is not in use. True if it was worth a call.
    bool trim() noexcept;

  private:
    /// Throws nothing once there is a PayloadMemory, whose destructor takes the lock that is held.
    PayloadArena(SharedMemory region, FreeExtents all, bool as_heap)
        : PayloadMemory(std::move(region)), as_heap_(as_heap), free_(std::move(all)) {}
    ~PayloadArena() override = default;
    void free(std::byte* data, std::size_t size) noexcept;
    void take_back_sent() noexcept;

    const bool as_heap_;
    std::mutex mutex_;
    FreeExtents free_;  // guarded by mutex_
    std::mutex sent_mutex_;
    bool sends_ = false;  // guarded by sent_mutex_
    std::array<std::span<std::byte>, PayloadReturns::parcels> sent_{};  // guarded by sent_mutex_
};

/// The side that reads.
class PayloadView final : public PayloadMemory {
  public:
    /// Null when there is no region. With PoolDescriptors::mutex held since it was made.
    static PayloadHandle<PayloadView> of_calls(SharedMemory region) {
        region.close_fd();
        return PayloadHandle<PayloadView>(region ? new PayloadView(std::move(region), nullptr) : nullptr);
    }
    /// The same, and tells the writer what has been read.
    static PayloadHandle<PayloadView> of_results(SharedMemory region) {
        std::byte* const page =
            region && region.provide(0, SharedMemory::page) ? region.writable_page() : nullptr;
        return PayloadHandle<PayloadView>(
            page ? new PayloadView(std::move(region), ::new (page) PayloadReturns) : nullptr);
    }

    std::byte* allocate(std::size_t&) noexcept override { return nullptr; }
    inline void release(std::byte* data, std::size_t size) noexcept override;

    /// The bytes there; given back when the buffer is gone. Throws SerializationError where none can be.
    ByteBuffer at(const PayloadPlace& place);

  private:
    PayloadView(SharedMemory region, PayloadReturns* returns)
        : PayloadMemory(std::move(region)), returns_(returns) {}
    ~PayloadView() override = default;

    PayloadReturns* const returns_;  // of results
    std::mutex mutex_;
    std::array<const std::byte*, PayloadReturns::parcels> parcels_{};  // guarded by mutex_
};

inline std::byte* PayloadArena::allocate(std::size_t& size) noexcept {
    if (in_forked_child() || size > region_.size()) return nullptr;
    const std::size_t rounded = (size + SharedMemory::page - 1) / SharedMemory::page * SharedMemory::page;
    if (as_heap_ && !private_memory_allows(rounded)) return nullptr;
    take_back_sent();
    try {
        std::unique_lock lock(mutex_);
        const auto extent = free_.take(rounded);
        if (!extent) return nullptr;
        lock.unlock();
        if (!extent->warm && !region_.provide(extent->offset, rounded)) {
            lock.lock();
            free_.give_back(extent->offset, rounded, false);
            return nullptr;
        }
        size = rounded;
        retain();
        return region_.data() + extent->offset;
    } catch (...) {
        return nullptr;  // no memory to note what is where
    }
}

inline void PayloadArena::release(std::byte* data, std::size_t size) noexcept {
    if (in_forked_child()) return;
    free(data, size);
    drop();
}

inline void PayloadArena::free(std::byte* data, std::size_t size) noexcept {
    try {
        const std::lock_guard lock(mutex_);
        free_.give_back(static_cast<std::size_t>(data - region_.data()), size);
    } catch (...) {
        // No memory to note that it is free: it is so when the region goes.
    }
}

inline std::optional<PayloadPlace> PayloadArena::send(ByteBuffer& bytes) noexcept {
    take_back_sent();
    const std::lock_guard lock(sent_mutex_);
    sends_ = true;
    for (std::size_t parcel = 0; parcel < sent_.size(); ++parcel) {
        if (!sent_[parcel].empty()) continue;
        PayloadPlace place = place_of(bytes);
        place.parcel = parcel;
        sent_[parcel] = bytes.detach();
        drop();  // what is sent does not keep the arena
        return place;
    }
    return std::nullopt;
}

inline void PayloadArena::take_back_sent() noexcept {
    const std::lock_guard lock(sent_mutex_);
    if (!sends_) return;
    auto& returns = *reinterpret_cast<PayloadReturns*>(region_.data());
    for (std::uint64_t read = returns.take(); read != 0; read &= read - 1)
        if (const auto bytes =
                std::exchange(sent_[static_cast<std::size_t>(std::countr_zero(read))], {});
            !bytes.empty())
            free(bytes.data(), bytes.size());
}

inline bool PayloadArena::trim() noexcept {
    if (in_forked_child()) return false;
    take_back_sent();
    const std::lock_guard lock(mutex_);
    if (free_.warm() == 0) return false;
    free_.cool([this](std::size_t offset, std::size_t size) { region_.discard(offset, size); });
    return true;
}

inline ByteBuffer PayloadView::at(const PayloadPlace& place) {
    const bool fits = place.offset >= SharedMemory::page && place.offset % 16 == 0 && place.length != 0 &&
                      place.length <= region_.size() && place.offset <= region_.size() - place.length &&
                      place.parcel < PayloadReturns::parcels;
    // A false length costs its sender real memory, here as in a pipe.
    if (!fits || (returns_ && place.length > region_.provided()))
        throw SerializationError("a message of " + std::to_string(place.length) + " bytes at " +
                                 std::to_string(place.offset) + " of shared memory cannot be there");
    std::byte* const data = region_.data() + place.offset;
    if (returns_) {
        const std::lock_guard lock(mutex_);
        parcels_[static_cast<std::size_t>(place.parcel)] = data;
    }
    retain();
    return ByteBuffer(*this, data, static_cast<std::size_t>(place.length));
}

inline void PayloadView::release(std::byte* data, std::size_t) noexcept {
    if (in_forked_child()) return;
    if (returns_) {
        const std::lock_guard lock(mutex_);
        const auto parcel = std::find(parcels_.begin(), parcels_.end(), data);
        if (parcel != parcels_.end()) {
            *parcel = nullptr;
            returns_->give_back(static_cast<std::size_t>(parcel - parcels_.begin()));
        }
    }
    drop();
}

/// Fetches the body of a frame that is not in the frame. Throws SerializationError for an impossible place, or when there
/// is no view.
inline void fetch_payload(Frame& frame, PayloadView* view) {
    if (frame.header.body == BodyKind::in_frame || frame.lost) return;
    PayloadPlace place;
    if (!view || frame.body.size() != sizeof place)
        throw SerializationError("a frame that points to shared memory where there is none");
    std::memcpy(&place, frame.body.data(), sizeof place);
    frame.body = view->at(place);
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
