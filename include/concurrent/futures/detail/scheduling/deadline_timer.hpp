// SPDX-License-Identifier: MIT
//
// deadline_timer.hpp: asks calls to stop when their time is up.
//
//     DeadlineTimer::Entry entry(timer, deadline, stop_source);   // while the call runs
//     …
//     entry.fired();                                              // it was asked
//
// One thread, started with the first deadline, asleep until the next one, ended by stop(). The stop
// callbacks that user code registered run on it, without the lock. Threads: any.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

namespace concurrent::futures::inline v1::detail {

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
        return timeout < Clock::time_point::max() - now ? now + timeout : Clock::time_point::max();
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
    struct Waiting {
        std::stop_source stop;
        Entry* entry;
    };
    using Queue = std::multimap<Clock::time_point, Waiting>;

    void run();

    std::mutex mutex_;
    std::condition_variable changed_;
    Queue waiting_;          // guarded by mutex_
    bool stopping_ = false;  // guarded by mutex_
    std::thread thread_;     // started under mutex_
};

/// A deadline for as long as it lives.
class DeadlineTimer::Entry {
  public:
    Entry(DeadlineTimer& timer, Clock::time_point deadline, std::stop_source stop) : timer_(timer) {
        const std::lock_guard lock(timer_.mutex_);
        if (!timer_.thread_.joinable()) timer_.thread_ = std::thread([&timer] { timer.run(); });
        place_ = timer_.waiting_.emplace(deadline, Waiting{std::move(stop), this});
        timer_.changed_.notify_one();
    }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    ~Entry() {
        const std::lock_guard lock(timer_.mutex_);
        if (!fired_) timer_.waiting_.erase(place_);
    }
    bool fired() const {
        const std::lock_guard lock(timer_.mutex_);
        return fired_;
    }

  private:
    friend DeadlineTimer;
    DeadlineTimer& timer_;
    Queue::iterator place_;
    bool fired_ = false;  // guarded by the timer's mutex_
};

inline void DeadlineTimer::run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        if (waiting_.empty()) {
            changed_.wait(lock);
            continue;
        }
        const auto first = waiting_.begin();
        if (Clock::now() < first->first) {
            const Clock::time_point next = first->first;  // the entry may go while this sleeps
            changed_.wait_until(lock, next);
            continue;
        }
        first->second.entry->fired_ = true;
        std::stop_source stop = std::move(first->second.stop);
        waiting_.erase(first);
        lock.unlock();
        stop.request_stop();
        lock.lock();
    }
}

}  // namespace concurrent::futures::inline v1::detail
