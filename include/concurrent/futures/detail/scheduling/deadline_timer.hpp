// SPDX-License-Identifier: MIT
//
// deadline_timer.hpp: asks calls to stop when their time is up.
//
//     DeadlineTimer::Entry entry(timer, deadline, stop_source);   // while the call runs
//     …
//     entry.fired();                                              // it was asked
//
// One thread, started with the first deadline, asleep until the next one, ended by stop(). The stop
// callbacks that user code registered run on it, without the lock. Threads: any. Entries are linked in the
// order of their deadlines: there are no more of them than calls that run, which have been started in about
// that order, so that a new one belongs near the end.
#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class DeadlineTimer {
  public:
    using Clock = std::chrono::steady_clock;
    class Entry;

    DeadlineTimer() = default;
    DeadlineTimer(const DeadlineTimer&) = delete;
    DeadlineTimer& operator=(const DeadlineTimer&) = delete;
    ~DeadlineTimer() { stop(); }

    /// The last point in time there is, if `timeout` reaches beyond it.
    static Clock::time_point deadline_after(std::chrono::nanoseconds timeout) {
        const Clock::time_point now = Clock::now();
        return timeout < (Clock::time_point::max)() - now ? now + timeout : (Clock::time_point::max)();
    }

    /// When no call is running any more. Idempotent.
    void stop() {
        std::thread ended;
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
            ended = std::move(thread_);
            changed_.notify_one();
        }
        if (ended.joinable()) ended.join();
    }

  private:
    void run();
    void link(Entry& entry) noexcept;
    void unlink(Entry& entry) noexcept;

    std::mutex mutex_;
    std::condition_variable changed_;
    Entry* first_ = nullptr;  // guarded by mutex_
    Entry* last_ = nullptr;   // guarded by mutex_
    bool stopping_ = false;   // guarded by mutex_
    std::thread thread_;      // started under mutex_
};

/// A deadline for as long as it lives.
class DeadlineTimer::Entry {
  public:
    Entry(DeadlineTimer& timer, Clock::time_point deadline, std::stop_source stop)
        : timer_(timer), deadline_(deadline), stop_(std::move(stop)) {
        const std::lock_guard lock(timer_.mutex_);
        if (!timer_.thread_.joinable()) timer_.thread_ = std::thread([&timer] { timer.run(); });
        timer_.link(*this);
        timer_.changed_.notify_one();
    }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    ~Entry() {
        const std::lock_guard lock(timer_.mutex_);
        if (!fired_) timer_.unlink(*this);
    }
    bool fired() const {
        const std::lock_guard lock(timer_.mutex_);
        return fired_;
    }

  private:
    friend DeadlineTimer;
    DeadlineTimer& timer_;
    const Clock::time_point deadline_;
    // Guarded by the timer's mutex_.
    std::stop_source stop_;
    Entry* before_ = nullptr;
    Entry* behind_ = nullptr;
    bool fired_ = false;
};

/// Behind those that are due at the same time or earlier.
inline void DeadlineTimer::link(Entry& entry) noexcept {
    entry.before_ = last_;
    while (entry.before_ && entry.deadline_ < entry.before_->deadline_) entry.before_ = entry.before_->before_;
    entry.behind_ = entry.before_ ? entry.before_->behind_ : first_;
    (entry.before_ ? entry.before_->behind_ : first_) = &entry;
    (entry.behind_ ? entry.behind_->before_ : last_) = &entry;
}

inline void DeadlineTimer::unlink(Entry& entry) noexcept {
    (entry.before_ ? entry.before_->behind_ : first_) = entry.behind_;
    (entry.behind_ ? entry.behind_->before_ : last_) = entry.before_;
}

inline void DeadlineTimer::run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        if (!first_) {
            changed_.wait(lock);
            continue;
        }
        if (Clock::now() < first_->deadline_) {
            const Clock::time_point next = first_->deadline_;  // the entry may go while this sleeps
            changed_.wait_until(lock, next);
            continue;
        }
        Entry& due = *first_;
        due.fired_ = true;
        std::stop_source stop = std::move(due.stop_);
        unlink(due);
        lock.unlock();
        stop.request_stop();
        lock.lock();
    }
}

}  // namespace concurrent::futures::inline v1::detail
