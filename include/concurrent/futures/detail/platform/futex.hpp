// SPDX-License-Identifier: MIT
//
// futex.hpp: sleep until somebody changes a 32-bit word.
//
//     while (word.load(std::memory_order_acquire) == busy) futex_wait(word, busy, deadline);
//     word.store(free, std::memory_order_release);
//     futex_wake_all(&word);
//
// Spurious returns are allowed, so callers loop over an acquire load, which is also what orders the
// data (a futex orders nothing). Waking takes only an address: the word may be gone by then, the
// worst that happens is a spurious wake-up of somebody else.
//
// Linux: the system call. Elsewhere: mutexes and condition variables, chosen by address.
// Why not std::atomic::wait: it has no time limit.
#pragma once

#include <bit>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <limits>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"

#if CONCURRENT_FUTURES_LINUX
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#else
#include <array>
#include <condition_variable>
#include <mutex>
#endif

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

using FutexWord = Atomic<std::uint32_t>;
using DoubleFutexWord = Atomic<std::uint64_t>;  // whose lower half is waited for
static_assert(sizeof(FutexWord) == 4 && FutexWord::is_always_lock_free);

#if CONCURRENT_FUTURES_LINUX

inline void futex_wait_at(const void* address, std::uint32_t expected, const Deadline& deadline) {
    std::timespec absolute{};
    const std::timespec* limit = nullptr;
    if (!deadline.is_never()) {
        // steady_clock is CLOCK_MONOTONIC, which is what FUTEX_WAIT_BITSET counts in.
        const auto since_epoch = deadline.at().time_since_epoch();
        const auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
        absolute.tv_sec = static_cast<std::time_t>(seconds.count());
        absolute.tv_nsec = static_cast<long>(std::chrono::nanoseconds(since_epoch - seconds).count());
        limit = &absolute;
    }
    ::syscall(SYS_futex, address, FUTEX_WAIT_BITSET_PRIVATE, expected, limit, nullptr,
              FUTEX_BITSET_MATCH_ANY);
}
/// Returns when woken, when the word is no longer `expected`, when the deadline has passed, or for
/// no reason at all.
inline void futex_wait(const FutexWord& word, std::uint32_t expected, const Deadline& deadline) {
    futex_wait_at(&word, expected, deadline);
}
/// The same for the lower half of a larger word.
inline void futex_wait(const DoubleFutexWord& word, std::uint32_t expected, const Deadline& deadline) {
    constexpr int lower = std::endian::native == std::endian::little ? 0 : 1;
    futex_wait_at(reinterpret_cast<const std::uint32_t*>(&word) + lower, expected, deadline);
}

inline void futex_wake_at(const void* address, int count) noexcept {
    ::syscall(SYS_futex, address, FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0);
}
inline void futex_wake(const FutexWord* word, int count) noexcept { futex_wake_at(word, count); }
inline void futex_wake(const DoubleFutexWord* word, int count) noexcept {
    constexpr int lower = std::endian::native == std::endian::little ? 0 : 1;
    futex_wake_at(reinterpret_cast<const std::uint32_t*>(word) + lower, count);
}

#else

struct ParkingLot {
    std::mutex mutex;
    std::condition_variable changed;

    static ParkingLot& of(const void* address) noexcept {
        static std::array<ParkingLot, 64> lots;
        return lots[(reinterpret_cast<std::uintptr_t>(address) >> 6) % lots.size()];
    }
};

template <class Word>
void futex_wait(const Word& word, std::uint32_t expected, const Deadline& deadline) {
    ParkingLot& lot = ParkingLot::of(&word);
    std::unique_lock lock(lot.mutex);
    // relaxed: the caller's own load orders the data. The word is changed before futex_wake takes
    // the mutex, so either the change is seen here or the notification comes after the wait began.
    if (static_cast<std::uint32_t>(word.load(std::memory_order_relaxed)) != expected) return;
    if (deadline.is_never())
        lot.changed.wait(lock);
    else
        lot.changed.wait_until(lock, deadline.at());
}

inline void futex_wake(const void* word, int) noexcept {
    ParkingLot& lot = ParkingLot::of(word);
    { const std::lock_guard lock(lot.mutex); }
    lot.changed.notify_all();  // several words share a lot, so all must look
}

#endif

template <class Word>
void futex_wake_one(const Word* word) noexcept {
    futex_wake(word, 1);
}
template <class Word>
void futex_wake_all(const Word* word) noexcept {
    futex_wake(word, (std::numeric_limits<int>::max)());
}

}  // namespace concurrent::futures::inline v1::detail
