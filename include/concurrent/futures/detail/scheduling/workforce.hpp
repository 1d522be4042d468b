// SPDX-License-Identifier: MIT
//
// workforce.hpp: the threads of a thread pool: how many there are, which of them sleep, and which one is brought when
// there is work.
//
//     { lock; workforce.bring(lock); }              // a submitter: wakes a worker that sleeps, or starts one
//     { lock; workforce.bring_if_tasks_left(); }    // a worker that leaves work behind
//
// How many threads are in which state: headcount.hpp. While the pool is paused none may be at work, so each worker lies
// down when its task ends, as one that is too many. All members: with the pool's mutex.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/platform/bounds.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/lock_rule.hpp"
#include "concurrent/futures/detail/platform/sized_thread.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/detail/scheduling/headcount.hpp"
#include "concurrent/futures/detail/scheduling/search_state.hpp"
#include "concurrent/futures/detail/scheduling/work_queues.hpp"
#include "concurrent/futures/detail/scheduling/worker.hpp"
#include "concurrent/futures/detail/state/blocking.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class Workforce {
  public:
    using Lock = std::unique_lock<std::mutex>;
    using Substitute = BlockingWorker::Substitute;
    /// Starts the thread of a worker; `number` counts from 0. Throws what SizedThread throws.
    using StartThread = SizedThread (*)(WorkerThreads& pool, Worker& worker, std::size_t number);

    Workforce(WorkerThreads& pool, BlockedWorkers& blocked, WorkQueues& queues, SearchState& search,
              std::size_t max_workers, std::size_t base_workers, StartThread start_thread,
              const LockRule& rule = LockRule::none()) noexcept
        : pool_(pool),
          blocked_(blocked),
          queues_(queues),
          search_(search),
          count_(max_workers, base_workers),
          start_thread_(start_thread),
          rule_(rule) {}

    const Headcount& headcount() const noexcept { return count_; }

    /// The caller brings workers for what is left, if more may be at work now.
    void set_paused(bool paused) noexcept {
        count_.set_paused(paused);
        recount();
    }
    /// As set_paused(). Idle workers that are too many end soon, as substitutes do.
    void set_max_workers(std::size_t number) noexcept {
        count_.set_max_workers(number);
        recount();
        for (std::size_t rest = count_.alive(); rest > number && !idle_.empty(); --rest) choose_idle().parker.wake();
    }
    /// Starts threads until there are max_workers that stay. Throws what SizedThread throws.
    void start_missing() {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        while (count_.staying() < count_.max_workers()) start();
    }

    /// Wakes or starts a worker, unless enough are about to look. Throws what SizedThread throws; then nothing has
    /// changed. Gives up the lock for the wake-up.
    void bring(Lock& lock);
    /// The same, but only if tasks are left in the queues, and never throws. False: no thread could be started, so the
    /// workers that are there do all the work.
    bool bring_if_tasks_left() noexcept;
    /// Idle workers have nothing to do, and must see that the pool has closed.
    void wake_all() noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        while (!idle_.empty()) choose_idle().parker.wake();
    }

    // What a worker tells of itself.
    /// Its initializer has run.
    void note_started() noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        count_.note_started();
    }
    void lie_down(Worker& worker) noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        worker.parker.reset();
        idle_.push_back(&worker);
        count_.note_idle(true);
        recount();
    }
    /// The worker gets up by itself. False when it has been brought: the wake-up comes, or has come.
    bool try_rise(Worker& worker) noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        if (std::erase(idle_, &worker) == 0) return false;
        count_.note_idle(false);
        recount();
        return true;
    }
    /// The worker, which has risen, has been idle for long enough. True: it is not needed, and leaves.
    bool try_leave(Worker& worker, bool substitute) noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        if (substitute ? !count_.has_substitutes() : count_.all_are_kept()) return false;
        worker.leaves = true;
        count_.note_leaving();
        return true;
    }
    void note_end(Worker& worker) noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        free_numbers_.push_back(worker.number());
        ended_.push_back(&worker);
        count_.note_end(std::exchange(worker.leaves, false));
        recount();
    }
    /// Joins the threads that have ended; takes no time, since handing over the mutex was their last act. Gives up the
    /// lock meanwhile.
    void join_ended(Lock& lock);
    /// The threads end by themselves, and are not joined.
    void detach();

    // See blocking.hpp.
    Substitute begin_block() noexcept;
    void end_block() noexcept {
        count_.note_blocked(false);
        recount();
    }
    /// `begun`: how many tasks of the pool have begun.
    void watch_blocked(std::size_t begun) noexcept;

  private:
    bool should_grow() const noexcept;
    Worker& choose_idle() noexcept;
    void start();
    void recount() noexcept;

    WorkerThreads& pool_;
    BlockedWorkers& blocked_;  // for the workers
    WorkQueues& queues_;
    SearchState& search_;
    Headcount count_;
    const StartThread start_thread_;
    const LockRule& rule_;
    std::vector<Worker*> idle_;    // asleep; newest last: woken first, its data is warm
    std::vector<Worker*> ended_;   // to be joined
    std::vector<Worker*> vacant_;  // joined: for the next thread
    std::vector<std::size_t> free_numbers_;  // of workers that have ended; with those of the others 0, 1, … without gap
    std::size_t started_ = 0;      // numbers the threads
    // For watch_blocked(): how many tasks had begun when that changed last, and when that was.
    std::size_t begun_ = 0;
    std::chrono::steady_clock::time_point begun_at_{};
};

/// After a change of the headcount: what submitters and workers see of it without the mutex.
inline void Workforce::recount() noexcept {
    CONCURRENT_FUTURES_ASSERT(rule_.locked());
    CONCURRENT_FUTURES_ASSERT(count_.idle() == idle_.size());
    const std::size_t limit = count_.most_threads();
    const std::size_t there = count_.idle() + (count_.alive() < limit ? limit - count_.alive() : 0);
    search_.set_available(smaller(count_.places(), there));
    search_.set_surplus(count_.too_many());
}

inline void Workforce::bring(Lock& lock) {
    CONCURRENT_FUTURES_ASSERT(lock.owns_lock());
    if (search_.is_searched() || count_.at_work() >= count_.most_at_work()) return;
    if (!idle_.empty()) {
        Worker& worker = choose_idle();
        lock.unlock();
        worker.parker.wake();
    } else if (should_grow()) {
        start();
    }
}

inline bool Workforce::bring_if_tasks_left() noexcept {
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

/// A thread for each queued task that no worker is about to take, and no more. A worker that counts as taking looks
/// into all queues once more afterwards, so a submitter may rely on it as on one that searches.
inline bool Workforce::should_grow() const noexcept {
    if (count_.alive() >= count_.most_threads()) return false;
    // Read before the size of the queues: a task that is taken in between counts as neither.
    const std::size_t coming = count_.starting() + search_.taking();
    return queues_.size() > coming;
}

inline Worker& Workforce::choose_idle() noexcept {
    Worker& worker = *idle_.back();
    idle_.pop_back();
    count_.note_idle(false);
    search_.begin_search();  // for the worker, before it wakes, so that no second one is brought
    recount();
    return worker;
}

inline void Workforce::start() {
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

inline void Workforce::join_ended(Lock& lock) {
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

inline void Workforce::detach() {
    CONCURRENT_FUTURES_ASSERT(rule_.locked());
    for (Worker* worker = queues_.first_worker(); worker; worker = worker->next)
        if (worker->thread.joinable()) worker->thread.detach();
    vacant_.insert(vacant_.end(), ended_.begin(), ended_.end());
    ended_.clear();
}

inline Workforce::Substitute Workforce::begin_block() noexcept {
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
inline void Workforce::watch_blocked(std::size_t begun) noexcept {
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

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
