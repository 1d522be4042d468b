// SPDX-License-Identifier: MIT
//
// impl/workforce.hpp: how the threads of a pool are started, sleep and end; see impl/src.hpp.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/platform/bounds.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/detail/scheduling/workforce.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

CONCURRENT_FUTURES_DECL bool Workforce::bring_if_tasks_left() noexcept {
    CONCURRENT_FUTURES_ASSERT(rule_.locked());
    if (search_.is_searched() || count_.at_work() >= count_.most_at_work() || queues_.empty()) return true;
    if (!idle_.empty()) {
        choose_idle().parker.wake();
    } else if (should_grow()) {
        try {
            start();
        } catch (...) {
            return false;
        }
    }
    return true;
}

CONCURRENT_FUTURES_DECL void Workforce::start() {
    CONCURRENT_FUTURES_ASSERT(rule_.locked());
    if (vacant_.empty()) {
        // So that nothing can throw later, when a worker lies down or ends.
        const std::size_t places = started_ + 1;
        for (auto* const list : {&idle_, &ended_, &vacant_}) list->reserve(larger(places, list->size()));
        free_numbers_.reserve(larger(places, free_numbers_.size()));
        auto worker = std::make_unique<Worker>(pool_, blocked_, queues_.first_worker(), count_.is_paused());
        vacant_.push_back(worker.get());
        queues_.add_worker(std::move(worker));
    }
    Worker& worker = *vacant_.back();
    worker.set_number(free_numbers_.empty() ? count_.alive() : free_numbers_.back());
    worker.thread = start_thread_(pool_, worker, started_);
    vacant_.pop_back();
    if (!free_numbers_.empty()) free_numbers_.pop_back();
    ++started_;
    count_.add_starting();
    recount();
}

CONCURRENT_FUTURES_DECL void Workforce::join_ended(Lock& lock) {
    CONCURRENT_FUTURES_ASSERT(lock.owns_lock());
    while (!ended_.empty()) {
        Worker& worker = *ended_.back();
        SizedThread thread = std::move(worker.thread);
        ended_.pop_back();
        lock.unlock();
        if (thread.joinable()) thread.join();
        lock.lock();
        vacant_.push_back(&worker);
    }
}

CONCURRENT_FUTURES_DECL void Workforce::detach() {
    CONCURRENT_FUTURES_ASSERT(rule_.locked());
    for (Worker* worker = queues_.first_worker(); worker; worker = worker->next)
        if (worker->thread.joinable()) worker->thread.detach();
    vacant_.insert(vacant_.end(), ended_.begin(), ended_.end());
    ended_.clear();
}

CONCURRENT_FUTURES_DECL Workforce::Substitute Workforce::begin_block() noexcept {
    count_.note_blocked(true);
    recount();
    const bool could_start = bring_if_tasks_left();
    if (count_.at_work() >= count_.max_workers() || !idle_.empty() ||
        (could_start && count_.alive() < count_.most_threads()))
        return count_.is_paused() ? Substitute::paused : Substitute::possible;
    return count_.at_work() == 0 ? Substitute::none : Substitute::at_bound;
}

/// Starts one more thread, beyond the bound, if fewer than max_workers are at work and no task has begun for a while:
/// one slice for each queued task, at most five, because one thread helps many tasks less; and longer the more threads
/// there are.
CONCURRENT_FUTURES_DECL void Workforce::watch_blocked(std::size_t begun) noexcept {
    CONCURRENT_FUTURES_ASSERT(rule_.locked());
    if (count_.at_work() >= count_.most_at_work() || !idle_.empty()) return;
    const auto now = std::chrono::steady_clock::now();
    if (std::exchange(begun_, begun) != begun) begun_at_ = now;
    const std::size_t tasks = queues_.size();
    const std::size_t beyond = count_.alive() - smaller(count_.alive(), count_.most_threads());
    const std::size_t slices = smaller(tasks, tuning::most_blocked_slices) * (1 + beyond / tuning::threads_per_blocked_slice);
    if (tasks == 0 || now - begun_at_ < BlockingWorker::slice * slices) return;
    begun_at_ = now;
    try {
        start();
    } catch (...) {  // another try after the next slice
    }
}

CONCURRENT_FUTURES_DECL bool Workforce::try_rise(Worker& worker) noexcept {
    CONCURRENT_FUTURES_ASSERT(rule_.locked());
    if (std::erase(idle_, &worker) == 0) return false;
    count_.note_idle(false);
    recount();
    return true;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
