// SPDX-License-Identifier: MIT
//
// deadline_timer.hpp: asks tasks to stop when their deadline has passed.
//
//     DeadlineTimer::Entry entry(timer, deadline, stop_source);   // while the task runs
//     …
//     entry.fired();                                              // the task was asked to stop
//
// One thread, the leader, sleeps until the next deadline. When that has come, the leader first hands the lead to
// another thread (an idle one, or a new one), and then runs the stop callbacks of the user, without the lock. So a
// slow callback delays no other deadline. There is at most one thread more than callbacks have run
// at once. The first thread is started with the first deadline; stop() ends all.
// Threads: any. In a fork of the program an entry of the parent does nothing, since a thread that is not there may hold
// the lock.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/fork_generation.hpp"
#include "concurrent/futures/detail/platform/lock_rule.hpp"
#include "concurrent/futures/detail/platform/thread_attributes.hpp"
#include "concurrent/futures/detail/platform/timed_wait.hpp"
#include "concurrent/futures/detail/scheduling/deadline_heap.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class DeadlineTimer {
  public:
    using Clock = std::chrono::steady_clock;
    class Entry;

    /// Its threads get the attributes of the thread that made the pool.
    explicit DeadlineTimer(const ThreadAttributes& attributes = ThreadAttributes::of_this_thread())
        : state_(std::make_shared<State>(attributes)) {}
    DeadlineTimer(const DeadlineTimer&) = delete;
    DeadlineTimer& operator=(const DeadlineTimer&) = delete;
    ~DeadlineTimer() { stop(); }

    /// If `timeout` is too long for the clock: the clock's last point in time, which never comes.
    static Clock::time_point deadline_after(std::chrono::nanoseconds timeout) {
        const Deadline deadline = Deadline::after(timeout);
        return deadline.is_never() ? (Clock::time_point::max)() : deadline.at();
    }

    /// Ends the threads and joins them. To be called when no task runs any more; a second time it does nothing. If a
    /// stop callback on one of these threads calls it, that thread ends by itself when the callback returns.
    void stop();
    /// After stop(): every entry fires now, in this thread.
    void fire_all();
    /// The calling thread is one of the timer's: it is running a stop callback.
    bool runs_here() const;

  private:
    /// Shared with the threads: one of them may destroy the timer, in a callback.
    struct State {
        explicit State(const ThreadAttributes& of_threads) : attributes(of_threads) {}

        const ThreadAttributes attributes;
        const ForkMark born;
        mutable std::mutex mutex;
        std::condition_variable leader;     // a new first deadline, or the end
        std::condition_variable followers;  // the lead is free, or the end
        // All below: guarded by mutex.
        DeadlineHeap entries;
        std::size_t idle = 0;  // threads that wait to take over the lead
        bool led = false;      // some thread sleeps until the next deadline, or is about to
        bool stopping = false;
        std::vector<std::thread> threads;

        void appoint(const std::shared_ptr<State>& self);
        void run(const std::shared_ptr<State>& self);
        Entry* wait_until_due(std::unique_lock<std::mutex>& lock);
        std::stop_source fire(Entry& entry);
    };

    const std::shared_ptr<State> state_;
};

/// The deadline of a task that runs. It holds while the entry lives, or until it is withdrawn.
class DeadlineTimer::Entry : private DeadlineHeap::Node {
  public:
    /// Throws std::system_error if there is no thread for the timer.
    Entry(DeadlineTimer& timer, Clock::time_point its_deadline, std::stop_source stop)
        : Node(its_deadline), timer_(*timer.state_), stop_(std::move(stop)) {
        const std::lock_guard lock(timer_.mutex);
        if (!timer_.led) timer_.appoint(timer.state_);
        timer_.entries.push(*this);
        if (timer_.entries.first() == this) timer_.leader.notify_one();
    }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    ~Entry() { static_cast<void>(withdraw()); }
    bool fired() const {
        const std::lock_guard lock(timer_.mutex);
        return standing_ == Standing::fired;
    }
    /// Nothing will be asked to stop. False: it has been asked, or is about to be.
    bool withdraw() {
        if (timer_.born.in_forked_child()) return true;
        const std::lock_guard lock(timer_.mutex);
        if (standing_ == Standing::waiting) {
            timer_.entries.remove(*this);
            standing_ = Standing::withdrawn;
        }
        return standing_ == Standing::withdrawn;
    }

  private:
    friend DeadlineTimer;
    enum class Standing : unsigned char { waiting, fired, withdrawn };

    State& timer_;  // outlives the tasks
    // Guarded by the timer's mutex.
    std::stop_source stop_;
    Standing standing_ = Standing::waiting;
};

inline void DeadlineTimer::stop() {
    std::vector<std::thread> ended;
    {
        const std::lock_guard lock(state_->mutex);
        state_->stopping = true;
        ended.swap(state_->threads);
        state_->leader.notify_all();
        state_->followers.notify_all();
    }
    for (std::thread& thread : ended)
        thread.get_id() == std::this_thread::get_id() ? thread.detach() : thread.join();
}

inline void DeadlineTimer::fire_all() {
    std::unique_lock lock(state_->mutex);
    while (DeadlineHeap::Node* const first = state_->entries.first()) {
        std::stop_source stop = state_->fire(static_cast<Entry&>(*first));
        lock.unlock();
        stop.request_stop();
        lock.lock();
    }
}

inline bool DeadlineTimer::runs_here() const {
    const std::lock_guard lock(state_->mutex);
    for (const std::thread& thread : state_->threads)
        if (thread.get_id() == std::this_thread::get_id()) return true;
    return false;
}

/// With the lock, when there is no leader: finds one. Throws what std::thread throws.
inline void DeadlineTimer::State::appoint(const std::shared_ptr<State>& self) {
    CONCURRENT_FUTURES_ASSERT(held_here(mutex) != Held::no);
    if (idle != 0) return followers.notify_one();
    threads.reserve(threads.size() + 1);  // so that nothing throws once the thread has started
    threads.emplace_back([self] { self->run(self); });
    led = true;  // by the new thread, as soon as it runs
}

/// The thread that leads: sleeps until an entry is due. Null: the timer is stopping.
inline DeadlineTimer::Entry* DeadlineTimer::State::wait_until_due(std::unique_lock<std::mutex>& lock) {
    while (!stopping) {
        DeadlineHeap::Node* const first = entries.first();
        if (!first || first->deadline == (Clock::time_point::max)()) {
            leader.wait(lock);
            continue;
        }
        const Clock::time_point next = first->deadline;  // the entry may go while this sleeps
        if (Clock::now() >= next) return static_cast<Entry*>(first);
        timed_wait(leader, lock, Deadline(next));
    }
    return nullptr;
}

/// With the lock. What is to be asked to stop without it.
inline std::stop_source DeadlineTimer::State::fire(Entry& entry) {
    CONCURRENT_FUTURES_ASSERT(held_here(mutex) != Held::no);
    entry.standing_ = Entry::Standing::fired;
    entries.remove(entry);
    return std::move(entry.stop_);
}

/// A thread of the timer, which is appointed to lead.
inline void DeadlineTimer::State::run(const std::shared_ptr<State>& self) {
    attributes.apply();
    std::unique_lock lock(mutex);
    while (Entry* const due = wait_until_due(lock)) {
        std::stop_source stop = fire(*due);
        led = false;
        try {
            appoint(self);
        } catch (...) {
            // No thread can be started: the other deadlines are looked at when this callback has returned.
        }
        lock.unlock();
        stop.request_stop();
        lock.lock();
        ++idle;
        followers.wait(lock, [this] { return !led || stopping; });
        --idle;
        led = true;
    }
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
