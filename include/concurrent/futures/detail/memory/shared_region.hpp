// SPDX-License-Identifier: MIT
//
// shared_region.hpp: shared memory with a number. The number crosses to other processes, which map the memory.
//
//     pool's process                                                worker
//     SharedRegion ──▶ number, in the bytes of a task ──▶ SharedRegion::resolve(): known here? otherwise
//          ▲                                              RegionSource::fetch() asks the pool for it, and
//          └── the task keeps it until it has ended       the worker keeps it until the pool says that
//                                                         the pool's last owner is gone
//
// Each process has one object and one mapping for a number. The mapping goes with its last owner in the process, the
// memory with the last owner in any process. Numbers cannot be guessed, so bytes cannot name memory that their sender
// never had. After a fork the child has the objects and their memory, but an empty table: it maps anew what it is sent.
// Threads: any.
#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <typeinfo>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/file_descriptor.hpp"
#include "concurrent/futures/detail/platform/fork_generation.hpp"
#include "concurrent/futures/detail/platform/process_requirements.hpp"
#include "concurrent/futures/detail/platform/shared_block.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class SharedRegion;

struct RegionNumber {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    friend auto operator<=>(const RegionNumber&, const RegionNumber&) = default;
};

/// A region as it crosses.
struct RegionName {
    RegionNumber number;
    std::uint64_t size = 0;
    std::uint64_t is_constant = 0;  // 0 or 1
    friend bool operator==(const RegionName&, const RegionName&) = default;
};
static_assert(sizeof(RegionName) == 32);

/// All regions of this process.
class SharedRegions {
  public:
    /// Those of this process: after a fork a new, empty one.
    CONCURRENT_FUTURES_DECL static SharedRegions& instance();

    /// Null: there is none.
    CONCURRENT_FUTURES_DECL std::shared_ptr<SharedRegion> find(const RegionNumber& number);
    CONCURRENT_FUTURES_DECL bool knows(const RegionNumber& number);
    /// Runs `give(region)` for the region of this number, with the lock held, so that the region stays. From now on the
    /// watchers are told when the region has gone.
    template <class Give>
    bool give_out(const RegionNumber& number, Give give);

    /// `wake_up` is notified when a region that was given out has gone; deaths() has changed then.
    CONCURRENT_FUTURES_DECL void watch(const WakeUp& wake_up);
    CONCURRENT_FUTURES_DECL void stop_watching(const WakeUp& wake_up) noexcept;
    std::uint64_t deaths() const noexcept {
        // relaxed: a reader of an old number is woken, and reads again.
        return deaths_.load(std::memory_order_relaxed);
    }

  private:
    friend SharedRegion;
    struct Entry {
        SharedRegion* region;  // valid while the lock is held
        std::weak_ptr<SharedRegion> owners;
    };

    std::mutex mutex_;
    std::map<RegionNumber, Entry> known_;      // guarded by mutex_
    std::vector<const WakeUp*> watchers_;      // guarded by mutex_
    Atomic<std::uint64_t> deaths_{0};
};

/// How a worker gets regions that it does not have.
class RegionSource {
  public:
    /// Asks for it, and waits. Throws SerializationError when there is no such region.
    virtual std::shared_ptr<SharedRegion> fetch(const RegionName& name) = 0;
    /// The running task was given this region.
    virtual void note(const std::shared_ptr<SharedRegion>& region) = 0;

  protected:
    ~RegionSource() = default;
};
/// Set in the thread that runs a worker's tasks; null elsewhere.
inline constinit thread_local RegionSource* region_source = nullptr;

class SharedRegion : public std::enable_shared_from_this<SharedRegion> {
  public:
    SharedRegion(const SharedRegion&) = delete;
    SharedRegion& operator=(const SharedRegion&) = delete;
    CONCURRENT_FUTURES_DECL ~SharedRegion();

    /// A new one. Throws std::system_error, std::bad_alloc.
    CONCURRENT_FUTURES_DECL static std::shared_ptr<SharedRegion> over(SharedBlock block, bool is_constant);
    /// The one of this name, whose memory came along; or the one that is here already. Throws
    /// SerializationError when the memory is not as the name says.
    CONCURRENT_FUTURES_DECL static std::shared_ptr<SharedRegion> adopt(FileDescriptor fd, const RegionName& name);
    /// The region of this name. Throws SerializationError when it cannot be had here.
    CONCURRENT_FUTURES_DECL static std::shared_ptr<SharedRegion> resolve(const RegionName& name);

    const RegionName& name() const noexcept { return name_; }
    std::byte* data() const noexcept { return block_.data(); }
    std::size_t size() const noexcept { return block_.size(); }
    std::span<const std::byte> bytes() const noexcept { return {data(), size()}; }
    int fd() const noexcept { return block_.fd(); }

    /// What was made of the bytes as a T, or the original that the bytes were made of, or else a new T(*this).
    /// Lives as long as the region. T's constructor runs no code of the user.
    template <class T>
    std::shared_ptr<T> derived();
    /// The bytes were made of this. Before anybody else has the region.
    template <class T>
    void set_original(const std::shared_ptr<T>& original) {
        original_ = original;
        original_type_ = &typeid(T);
    }
    /// Lives as long as this one, because its name is among the bytes.
    void keep(std::vector<std::shared_ptr<SharedRegion>> others) { kept_ = std::move(others); }

  private:
    friend SharedRegions;

    SharedRegion(SharedBlock block, const RegionName& name) noexcept
        : block_(std::move(block)), name_(name) {}

    CONCURRENT_FUTURES_DECL static SharedBlock::Contents contents_of(const RegionName& name) noexcept;
    CONCURRENT_FUTURES_DECL static std::shared_ptr<SharedRegion> checked(std::shared_ptr<SharedRegion> region, const RegionName& name);
    CONCURRENT_FUTURES_DECL static std::shared_ptr<SharedRegion> enlisted(SharedBlock block, const RegionName& name);

    struct Derived {
        const std::type_info* type;
        std::shared_ptr<void> value;
    };

    const SharedBlock block_;
    const RegionName name_;
    const ForkMark born_;
    bool given_out_ = false;  // guarded by SharedRegions::mutex_
    std::weak_ptr<void> original_;
    const std::type_info* original_type_ = nullptr;
    std::vector<std::shared_ptr<SharedRegion>> kept_;
    std::mutex mutex_;
    std::vector<Derived> derived_;  // guarded by mutex_
};

template <class Give>
bool SharedRegions::give_out(const RegionNumber& number, Give give) {
    const std::lock_guard lock(mutex_);
    const auto place = known_.find(number);
    if (place == known_.end()) return false;
    place->second.region->given_out_ = true;
    give(std::as_const(*place->second.region));
    return true;
}

template <class T>
std::shared_ptr<T> SharedRegion::derived() {
    if (original_type_ && *original_type_ == typeid(T))
        if (auto original = std::static_pointer_cast<T>(original_.lock())) return original;
    const std::lock_guard lock(mutex_);
    const auto place = std::find_if(derived_.begin(), derived_.end(),
                                    [](const Derived& each) { return *each.type == typeid(T); });
    if (place != derived_.end())
        return {shared_from_this(), static_cast<T*>(place->value.get())};
    const auto made = std::make_shared<T>(*this);
    derived_.push_back({&typeid(T), made});
    return {shared_from_this(), made.get()};
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail

#if CONCURRENT_FUTURES_HEADER_ONLY
#include "concurrent/futures/impl/shared_region.hpp"
#endif
