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

namespace concurrent::futures::inline v1::detail {

using FutexWord = Atomic<std::uint32_t>;
static_assert(sizeof(FutexWord) == 4 && FutexWord::is_always_lock_free);

#if CONCURRENT_FUTURES_LINUX

/// Returns when woken, when the word is no longer `expected`, when the deadline has passed, or for
/// no reason at all.
inline void futex_wait(const FutexWord& word, std::uint32_t expected, const Deadline& deadline) {
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
    ::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, expected, limit, nullptr,
              FUTEX_BITSET_MATCH_ANY);
}

inline void futex_wake(const FutexWord* word, int count) noexcept {
    ::syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0);
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

inline void futex_wait(const FutexWord& word, std::uint32_t expected, const Deadline& deadline) {
    ParkingLot& lot = ParkingLot::of(&word);
    std::unique_lock lock(lot.mutex);
    // relaxed: the caller's own load orders the data. The word is changed before futex_wake takes
    // the mutex, so either the change is seen here or the notification comes after the wait began.
    if (word.load(std::memory_order_relaxed) != expected) return;
    if (deadline.is_never())
        lot.changed.wait(lock);
    else
        lot.changed.wait_until(lock, deadline.at());
}

inline void futex_wake(const FutexWord* word, int) noexcept {
    ParkingLot& lot = ParkingLot::of(word);
    { const std::lock_guard lock(lot.mutex); }
    lot.changed.notify_all();  // several words share a lot, so all must look
}

#endif

inline void futex_wake_one(const FutexWord* word) noexcept { futex_wake(word, 1); }
inline void futex_wake_all(const FutexWord* word) noexcept {
    futex_wake(word, std::numeric_limits<int>::max());
}

}  // namespace concurrent::futures::inline v1::detail
