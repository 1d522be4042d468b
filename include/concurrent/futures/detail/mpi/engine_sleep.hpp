// SPDX-License-Identifier: MIT
//
// engine_sleep.hpp: how the engine thread of MPI pools waits for news, and how other threads wake it.
//
//     messages may come                    looks for them, ever less often: look_pace.hpp
//     a thread waits for a result          sleeps: that thread looks. Looks itself each 2 ms, or 0.5 ms after it
//     no messages can come, for 20 ms      sleeps until it is woken, or has something to do (Outlook::latest)
//     all ranks are on this node           looks for 20 µs, then sleeps until a rank or a thread wakes it
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
#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/lock_rule.hpp"
#include "concurrent/futures/detail/platform/monotonic_clock.hpp"
#include "concurrent/futures/detail/platform/shared_doorbell.hpp"
#include "concurrent/futures/detail/platform/timed_wait.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class EngineSleep {
  public:
    using Lock = std::unique_lock<std::mutex>;

    /// `rule`: of the engine's mutex.
    explicit EngineSleep(const LockRule& rule) noexcept : rule_(rule) {}
    EngineSleep(const EngineSleep&) = delete;
    EngineSleep& operator=(const EngineSleep&) = delete;

    /// Before there are other threads: `bell` is rung by ranks that have sent something. Null: by none.
    void set_bell(SharedDoorbell* bell) noexcept { bell_ = bell; }

    // Any thread, without the mutex.

    void wake() noexcept {
        // relaxed, both: see above. The exchange is there so that one of many notifies.
        if (!asleep_.load(std::memory_order_relaxed) || !asleep_.exchange(false, std::memory_order_relaxed)) return;
        { const std::lock_guard lock(rule_.mutex()); }  // it sleeps, or has not looked yet
        wake_up_.notify_one();
        if (bell_) bell_->ring();
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
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        last_news_ = monotonic_nanoseconds();
        looks_ = 0;
    }
    std::int64_t last_news() const noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        return last_news_;
    }
    /// Another thread looks for messages now.
    void note_watch(std::int64_t now) noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        watched_at_ = now;
    }
    /// It does not any more, and waits. True: the engine has to be woken, to wait for messages.
    bool note_end_of_watch() noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        watched_at_ = 0;
        return !listens_;
    }
    /// It sleeps until it is woken, and looks for no messages.
    bool sleeps_deeply() const noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        return sleeps_deeply_;
    }

    /// What the engine knows before it waits.
    struct Outlook {
        bool expects = false;   // messages may come
        bool hurries = false;   // large ones are under way
        bool polls = false;     // messages have to be looked for
        bool all_ring = false;  // the bell rings for all of them
        Deadline latest = Deadline::never();  // has something to do then
    };
    /// Engine thread, with the lock: waits a moment. `find_news()` is true if there are tasks, or messages that come
    /// without a look or with a ring of the bell.
    template <class FindNews>
    void wait(Lock& lock, const Outlook& outlook, FindNews find_news);

  private:
    static constexpr std::int64_t naps_for = tuning::mpi_naps_for;
    static constexpr std::int64_t watch_lasts = tuning::mpi_watch_lasts;
    static constexpr int most_naps = tuning::mpi_naps_while_watched;

    const LockRule& rule_;
    Atomic<bool> asleep_{false};
    Atomic<unsigned> watchers_{0};  // threads that look for results while the engine sleeps
    std::condition_variable wake_up_;
    SharedDoorbell* bell_ = nullptr;
    // Guarded by the mutex.
    std::int64_t last_news_ = 0;
    unsigned looks_ = 0;           // of the engine, in vain, since then
    std::int64_t watched_at_ = 0;  // when a waiting thread has looked for messages
    bool sleeps_deeply_ = false;
    bool listens_ = false;  // it is about to sleep, or sleeps, until the bell rings
};

template <class FindNews>
void EngineSleep::wait(Lock& lock, const Outlook& outlook, FindNews find_news) {
    CONCURRENT_FUTURES_ASSERT(rule_.writable());
    const std::int64_t now = monotonic_nanoseconds();
    const std::int64_t waited = now - last_news_;
    const bool watched = is_watched();
    const bool looks = outlook.all_ring ? keeps_looking(waited) : keeps_looking(waited, looks_++);
    if (outlook.expects && !watched && (outlook.hurries || looks)) {
        lock.unlock();
        pause_between_looks(waited);
        lock.lock();
        return;
    }
    // relaxed: see above.
    asleep_.store(true, std::memory_order_relaxed);
    // A thread that looks needs no bell: each ring costs its sender a call to the system.
    const bool listens = bell_ && !watched && now - watched_at_ > watch_lasts;
    listens_ = listens;
    if (listens) bell_->prepare();
    if (!find_news()) {
        sleeps_deeply_ = !outlook.expects && !outlook.all_ring && (waited > naps_for || !outlook.polls);
        // relaxed: the notifier has held the mutex.
        const auto woken = [this] { return !asleep_.load(std::memory_order_relaxed); };
        if (listens) {
            const bool naps = !outlook.all_ring && !sleeps_deeply_;
            const Deadline nap = naps ? Deadline::after(nap_after(waited)) : Deadline::never();
            lock.unlock();
            bell_->sleep(outlook.latest.or_earlier(nap));
            lock.lock();
        } else if (sleeps_deeply_) {
            timed_wait(wake_up_, lock, outlook.latest, woken);
        } else {
            const std::chrono::nanoseconds watch(watch_lasts);
            const auto sleep_for = [&](std::chrono::nanoseconds time) {
                timed_wait(wake_up_, lock, outlook.latest.or_earlier(Deadline::after(time)), woken);
            };
            sleep_for(watched ? watch : nap_after(waited));
            for (int naps = 0; naps < most_naps && !woken() && monotonic_nanoseconds() - watched_at_ < watch_lasts; ++naps)
                sleep_for(watch);
        }
        sleeps_deeply_ = false;
        looks_ = looks_after_nap;
    }
    if (listens) bell_->forget();
    listens_ = false;
    // relaxed: see above.
    asleep_.store(false, std::memory_order_relaxed);
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
