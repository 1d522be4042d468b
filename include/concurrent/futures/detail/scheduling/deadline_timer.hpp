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
    CONCURRENT_FUTURES_DECL explicit DeadlineTimer(const ThreadAttributes& attributes = ThreadAttributes::of_this_thread());
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
    CONCURRENT_FUTURES_DECL void stop();
    /// After stop(): every entry fires now, in this thread.
    CONCURRENT_FUTURES_DECL void fire_all();
    /// The calling thread is one of the timer's: it is running a stop callback.
    CONCURRENT_FUTURES_DECL bool runs_here() const;

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

        CONCURRENT_FUTURES_DECL void appoint(const std::shared_ptr<State>& self);
        CONCURRENT_FUTURES_DECL void run(const std::shared_ptr<State>& self);
        CONCURRENT_FUTURES_DECL Entry* wait_until_due(std::unique_lock<std::mutex>& lock);
        CONCURRENT_FUTURES_DECL std::stop_source fire(Entry& entry);
    };

    const std::shared_ptr<State> state_;
};

/// The deadline of a task that runs. It holds while the entry lives, or until it is withdrawn.
class DeadlineTimer::Entry : private DeadlineHeap::Node {
  public:
    /// Throws std::system_error if there is no thread for the timer.
    CONCURRENT_FUTURES_DECL Entry(DeadlineTimer& timer, Clock::time_point its_deadline, std::stop_source stop);
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

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail

#if CONCURRENT_FUTURES_HEADER_ONLY
#include "concurrent/futures/impl/deadline_timer.hpp"
#endif
