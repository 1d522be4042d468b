// SPDX-License-Identifier: MIT
//
// engine_sleep.hpp: how the engine thread of MPI pools waits for news, and how other threads wake it.
//
//     messages may come                    looks for them, ever less often: look_pace.hpp
//     a thread waits for a result          sleeps: that thread looks. Looks itself each 2 ms, or 0.5 ms after it
//     no messages can come, for 20 ms      sleeps until it is woken
//
// While it sleeps, other threads may do its work: mpi_direct_path.hpp. Why no wake-up is lost: the engine thread says that
// it sleeps and then looks for tasks, with its mutex. Another thread first puts a task where the engine looks, with that
// mutex or with the lock of the intake, which the engine takes for its look, and then calls wake(). So either the engine
// sees the task, or the other thread sees that it sleeps. The locks order all operations on asleep_, which are relaxed.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "concurrent/futures/detail/mpi/look_pace.hpp"
#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/monotonic_clock.hpp"
#include "concurrent/futures/detail/platform/timed_wait.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class EngineSleep {
  public:
    using Lock = std::unique_lock<std::mutex>;

    /// `mutex`: the engine's.
    explicit EngineSleep(std::mutex& mutex) noexcept : mutex_(mutex) {}
    EngineSleep(const EngineSleep&) = delete;
    EngineSleep& operator=(const EngineSleep&) = delete;

    // Any thread, without the mutex.

    void wake() noexcept {
        // relaxed, both: see above. The exchange is there so that one of many notifies.
        if (!asleep_.load(std::memory_order_relaxed) || !asleep_.exchange(false, std::memory_order_relaxed)) return;
        { const std::lock_guard lock(mutex_); }  // it sleeps, or has not looked yet
        wake_up_.notify_one();
    }
    /// A hint without the mutex, exact with it.
    bool is_asleep() const noexcept {
        return asleep_.load(std::memory_order_relaxed);  // relaxed: see above
    }
    /// This thread looks for messages, or is about to, until end_watch().
    void begin_watch() noexcept {
        watchers_.fetch_add(1, std::memory_order_relaxed);  // relaxed: a hint for the engine
    }
    void end_watch() noexcept {
        watchers_.fetch_sub(1, std::memory_order_relaxed);  // relaxed: as above
    }
    bool is_watched() const noexcept {
        return watchers_.load(std::memory_order_relaxed) != 0;  // relaxed: as above
    }

    // With the mutex.

    /// Something has happened: the engine looks often again.
    void note_news() noexcept {
        last_news_ = monotonic_nanoseconds();
        looks_ = 0;
    }
    std::int64_t last_news() const noexcept { return last_news_; }
    /// Another thread looks for messages now.
    void note_watch(std::int64_t now) noexcept { watched_at_ = now; }
    /// It sleeps until it is woken, and looks for no messages.
    bool sleeps_deeply() const noexcept { return sleeps_deeply_; }

    /// Engine thread, with the lock: waits a moment. `expects`: messages may come. `hurries`: large ones are under way.
    /// `polls`: messages have to be looked for. `find_news()` is true if there are tasks, or messages that come without
    /// a look.
    template <class FindNews>
    void wait(Lock& lock, bool expects, bool hurries, bool polls, FindNews find_news);

  private:
    static constexpr std::int64_t naps_for = tuning::mpi_naps_for;
    static constexpr std::int64_t watch_lasts = tuning::mpi_watch_lasts;

    std::mutex& mutex_;
    Atomic<bool> asleep_{false};
    Atomic<unsigned> watchers_{0};  // threads that look for results while the engine sleeps
    std::condition_variable wake_up_;
    // Guarded by the mutex.
    std::int64_t last_news_ = 0;
    unsigned looks_ = 0;           // of the engine, in vain, since then
    std::int64_t watched_at_ = 0;  // when a waiting thread has looked for messages
    bool sleeps_deeply_ = false;
};

template <class FindNews>
void EngineSleep::wait(Lock& lock, bool expects, bool hurries, bool polls, FindNews find_news) {
    const std::int64_t waited = monotonic_nanoseconds() - last_news_;
    const bool watched = is_watched();
    if (expects && !watched && (hurries || keeps_looking(waited, looks_++))) {
        lock.unlock();
        pause_between_looks(waited);
        lock.lock();
        return;
    }
    // relaxed: see above.
    asleep_.store(true, std::memory_order_relaxed);
    if (!find_news()) {
        sleeps_deeply_ = !expects && (waited > naps_for || !polls);
        // relaxed: the notifier has held the mutex.
        const auto woken = [this] { return !asleep_.load(std::memory_order_relaxed); };
        if (sleeps_deeply_) {
            wake_up_.wait(lock, woken);
        } else {
            const std::chrono::nanoseconds watch(watch_lasts);
            timed_wait(wake_up_, lock, Deadline::after(watched ? watch : nap_after(waited)), woken);
            for (int naps = 0; naps < 3 && !woken() && monotonic_nanoseconds() - watched_at_ < watch_lasts; ++naps)
                timed_wait(wake_up_, lock, Deadline::after(watch), woken);
        }
        sleeps_deeply_ = false;
        looks_ = looks_after_nap;
    }
    // relaxed: see above.
    asleep_.store(false, std::memory_order_relaxed);
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
