// SPDX-License-Identifier: MIT
//
// futex.hpp: sleep until another thread changes a 32-bit word.
//
//     while (word.load(std::memory_order_acquire) == busy) futex_wait(word, busy, deadline);
//     word.store(free, std::memory_order_release);
//     futex_wake_all(&word);
//
// Spurious returns are allowed, so callers loop over an acquire load. That load also orders the data: a futex orders
// nothing. Waking takes only an address. The word may be gone by then; at worst another thread wakes up spuriously.
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

#include "concurrent/futures/detail/platform/fork_generation.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
#endif

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

using FutexWord = Atomic<std::uint32_t>;
using DoubleFutexWord = Atomic<std::uint64_t>;  // threads wait on its lower half
static_assert(sizeof(FutexWord) == 4 && FutexWord::is_always_lock_free);

#if CONCURRENT_FUTURES_LINUX

/// What a system call means by a timespec. Where `long` has 32 bits that depends on the call, not on how this
/// program was compiled (_TIME_BITS).
template <class Number>
struct KernelTime {
    Number seconds, nanoseconds;
};
#if !defined(SYS_futex)  // riscv32
inline constexpr long timed_futex_call = SYS_futex_time64, plain_futex_call = SYS_futex_time64;
#elif defined(SYS_futex_time64)
inline constexpr long timed_futex_call = sizeof(long) < 8 ? SYS_futex_time64 : SYS_futex, plain_futex_call = SYS_futex;
#else
inline constexpr long timed_futex_call = SYS_futex, plain_futex_call = SYS_futex;
#endif

template <class Number>
long futex_wait_call(long call, const void* address, std::uint32_t expected, std::chrono::nanoseconds left, int scope) {
    // From now on, not until a time: the program may have been given another clock than the kernel's (timed_wait.hpp).
    const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
    const KernelTime<Number> limit{static_cast<Number>(seconds.count()),
                                   static_cast<Number>((left - seconds).count())};
    return ::syscall(call, address, FUTEX_WAIT | scope, expected, &limit, nullptr, 0);
}

/// `scope`: 0 if other processes wake the thread, too (shared_doorbell.hpp).
inline void futex_wait_at(const void* address, std::uint32_t expected, const Deadline& deadline,
                          int scope = FUTEX_PRIVATE_FLAG) {
    if (deadline.is_never()) {
        ::syscall(plain_futex_call, address, FUTEX_WAIT_BITSET | scope, expected, nullptr, nullptr,
                  FUTEX_BITSET_MATCH_ANY);
        return;
    }
    const std::chrono::nanoseconds left = deadline.left();
    if (futex_wait_call<std::int64_t>(timed_futex_call, address, expected, left, scope) == 0 || errno != ENOSYS) return;
    if constexpr (timed_futex_call != plain_futex_call)  // a kernel before 5.1
        futex_wait_call<long>(plain_futex_call, address, expected, left, scope);
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

inline void futex_wake_at(const void* address, int count, int scope = FUTEX_PRIVATE_FLAG) noexcept {
    ::syscall(plain_futex_call, address, FUTEX_WAKE | scope, count, nullptr, nullptr, 0);
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
        static constinit ModuleWide<std::array<ParkingLot, tuning::parking_lots>> all;
        auto& lots = all.get();
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

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
