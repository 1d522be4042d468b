// SPDX-License-Identifier: MIT
//
// impl/deadline_timer.hpp: the threads that ask tasks to stop whose time is up; see impl/src.hpp.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/lock_rule.hpp"
#include "concurrent/futures/detail/platform/timed_wait.hpp"
#include "concurrent/futures/detail/scheduling/deadline_timer.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

CONCURRENT_FUTURES_DECL DeadlineTimer::DeadlineTimer(const ThreadAttributes& attributes)
    : state_(std::make_shared<State>(attributes)) {}

CONCURRENT_FUTURES_DECL DeadlineTimer::Entry::Entry(DeadlineTimer& timer, Clock::time_point its_deadline, std::stop_source stop)
    : Node(its_deadline), timer_(*timer.state_), stop_(std::move(stop)) {
    const std::lock_guard lock(timer_.mutex);
    if (!timer_.led) timer_.appoint(timer.state_);
    timer_.entries.push(*this);
    if (timer_.entries.first() == this) timer_.leader.notify_one();
}

CONCURRENT_FUTURES_DECL void DeadlineTimer::stop() {
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

CONCURRENT_FUTURES_DECL void DeadlineTimer::fire_all() {
    std::unique_lock lock(state_->mutex);
    while (DeadlineHeap::Node* const first = state_->entries.first()) {
        std::stop_source stop = state_->fire(static_cast<Entry&>(*first));
        lock.unlock();
        stop.request_stop();
        lock.lock();
    }
}

CONCURRENT_FUTURES_DECL bool DeadlineTimer::runs_here() const {
    const std::lock_guard lock(state_->mutex);
    for (const std::thread& thread : state_->threads)
        if (thread.get_id() == std::this_thread::get_id()) return true;
    return false;
}

/// With the lock, when there is no leader: finds one. Throws what std::thread throws.
CONCURRENT_FUTURES_DECL void DeadlineTimer::State::appoint(const std::shared_ptr<State>& self) {
    CONCURRENT_FUTURES_ASSERT(held_here(mutex) != Held::no);
    if (idle != 0) return followers.notify_one();
    threads.reserve(threads.size() + 1);  // so that nothing throws once the thread has started
    threads.emplace_back([self] { self->run(self); });
    led = true;  // by the new thread, as soon as it runs
}

/// The thread that leads: sleeps until an entry is due. Null: the timer is stopping.
CONCURRENT_FUTURES_DECL DeadlineTimer::Entry* DeadlineTimer::State::wait_until_due(std::unique_lock<std::mutex>& lock) {
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
CONCURRENT_FUTURES_DECL std::stop_source DeadlineTimer::State::fire(Entry& entry) {
    CONCURRENT_FUTURES_ASSERT(held_here(mutex) != Held::no);
    entry.standing_ = Entry::Standing::fired;
    entries.remove(entry);
    return std::move(entry.stop_);
}

/// A thread of the timer, which is appointed to lead.
CONCURRENT_FUTURES_DECL void DeadlineTimer::State::run(const std::shared_ptr<State>& self) {
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
