// SPDX-License-Identifier: MIT
//
// spin.hpp: look again a few times before going to sleep.
//
//     if (spin_until([&] { return done(); })) return;     // soon enough
//     … sleep on a futex …
//
// Bounded by time, because the cost of one pause differs tenfold between processors. First in pauses, which
// another hardware thread hardly notices, for about as long as a round trip takes. Then the thread yields the
// processor, perhaps to the thread that it waits for. With a single processor there is no spinning: no other thread
// could make the condition true meanwhile.
//
// Where all processors are busy, a yield lasts until another thread has used up its time, some milliseconds. A thread that
// sleeps instead is woken as soon as its condition holds. So a thread that waits for a future does not spin for a while when
// several yields in a row were slow.
#pragma once

#include <thread>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

inline constexpr auto spin_time = tuning::spin_time;

/// Tells the processor that this thread is waiting in a loop.
inline void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("isb" ::: "memory");
#endif
}

/// Before a thread tries again to take a lock of one bit, for the `waits`-th time in vain. A holder that was preempted gets
/// the processor, also where it has a lower real-time priority.
[[gnu::noinline]] inline void back_off(unsigned waits) noexcept {
    if (waits < tuning::lock_pauses)
        pause();
    else if (waits < tuning::lock_pauses + tuning::lock_yields)
        std::this_thread::yield();
    else
        std::this_thread::sleep_for(waits < tuning::lock_naps_grow_until ? std::chrono::microseconds(waits / 4)
                                                                         : tuning::longest_lock_nap);
}

/// The processors that this thread may use are more than one.
CONCURRENT_FUTURES_DECL bool has_several_processors() noexcept;

inline bool spinning_pays() noexcept {
    static constinit Atomic<int> known{-1};
    // relaxed, both: a number; all threads find the same one.
    int pays = known.load(std::memory_order_relaxed);
    if (pays < 0) known.store(pays = has_several_processors() ? 1 : 0, std::memory_order_relaxed);
    return pays == 1;
}

/// Whether a thread spins before it sleeps: not for a while when several yields in a row took long. Each thread has one, for
/// its waits for a future. A reader of a map, whose next item comes at any moment, spins all the same.
class YieldPace {
  public:
    using Time = std::chrono::steady_clock::time_point;

    constexpr YieldPace() = default;

    bool allows_spinning(Time now) const noexcept { return now >= from_; }
    /// The thread yielded between these times.
    void note(Time begin, Time end) noexcept {
        if (end - begin <= tuning::slow_yield)
            slow_ = 0;
        else if (slow_ + 1 < tuning::slow_yields_until_no_spin)
            ++slow_;
        else
            from_ = end + tuning::no_spin_after_slow_yields;
    }

  private:
    Time from_{};
    int slow_ = 0;  // yields in a row
};

inline constinit thread_local YieldPace yield_pace;

/// True as soon as `condition()` is; false when it was not within about `time`, or when `pace` does not allow it.
template <class Condition>
bool spin_until(Condition condition, std::chrono::nanoseconds time = spin_time, YieldPace* pace = nullptr) {
    if (!spinning_pays()) return condition();
    for (int pauses = 0; pauses < tuning::looks_before_clock; ++pauses) {
        if (condition()) return true;
        pause();
    }
    auto now = std::chrono::steady_clock::now();
    if (pace && !pace->allows_spinning(now)) return condition();
    const auto end = now + time;
    do {
        for (int pauses = 0; pauses < tuning::looks_between_yields; ++pauses) {
            if (condition()) return true;
            pause();
        }
        const auto begin = now;
        std::this_thread::yield();
        now = std::chrono::steady_clock::now();
        if (pace) pace->note(begin, now);
    } while (now < end);
    return condition();
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail

#if CONCURRENT_FUTURES_HEADER_ONLY
#include "concurrent/futures/impl/spin.hpp"
#endif
