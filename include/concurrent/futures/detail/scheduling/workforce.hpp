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
    CONCURRENT_FUTURES_DECL bool bring_if_tasks_left() noexcept;
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
    CONCURRENT_FUTURES_DECL bool try_rise(Worker& worker) noexcept;
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
    CONCURRENT_FUTURES_DECL void join_ended(Lock& lock);
    /// The threads end by themselves, and are not joined.
    CONCURRENT_FUTURES_DECL void detach();

    // See blocking.hpp.
    CONCURRENT_FUTURES_DECL Substitute begin_block() noexcept;
    void end_block() noexcept {
        count_.note_blocked(false);
        recount();
    }
    /// `begun`: how many tasks of the pool have begun.
    CONCURRENT_FUTURES_DECL void watch_blocked(std::size_t begun) noexcept;

  private:
    bool should_grow() const noexcept;
    Worker& choose_idle() noexcept;
    CONCURRENT_FUTURES_DECL void start();
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

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail

#if CONCURRENT_FUTURES_HEADER_ONLY
#include "concurrent/futures/impl/workforce.hpp"
#endif
