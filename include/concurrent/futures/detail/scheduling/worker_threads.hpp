// SPDX-License-Identifier: MIT
//
// worker_threads.hpp: the engine of a thread pool: where tasks arrive, and threads that run them.
//
//     a thread outside  ──▶  inbox: by priority, strictly in the order submitted  ──┐
//     a task of this pool ─▶ its worker's own deque, at normal priority ────────────┴─▶ workers
//
//     a submitter       brings a worker (wakes one that sleeps, or starts one) if none is searching
//
// Who owns what: ThreadTables holds the data and the mutex. Where things happen: which task a worker takes,
// work_queues.hpp; when a submitter brings a worker, and why no task is forgotten, search_state.hpp; threads start, are
// woken and joined, workforce.hpp; a worker searches, runs tasks, sleeps and ends, worker_loop.hpp; submitters wait at
// max_pending, queue_room.hpp; a time limit is enforced, deadline_timer.hpp; the pool
// pauses or has another number of workers, thread_control.hpp; an outcome is stored, thread_call.hpp.
//
// Tasks, hooks and destructors of user code run without a lock. Lifetime: threads hold a reference, so a
// pool may be destroyed from one of its own workers. Lock order: the mutex, then those of inbox and deques.
#pragma once

#include <cstddef>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/sized_thread.hpp"
#include "concurrent/futures/detail/scheduling/call_counters.hpp"
#include "concurrent/futures/detail/scheduling/deadline_timer.hpp"
#include "concurrent/futures/detail/scheduling/thread_control.hpp"
#include "concurrent/futures/detail/scheduling/thread_tables.hpp"
#include "concurrent/futures/detail/scheduling/worker.hpp"
#include "concurrent/futures/detail/state/idle_waiters.hpp"
#include "concurrent/futures/detail/state/pool_watch.hpp"
#include "concurrent/futures/detail/task/task.hpp"
#include "concurrent/futures/errors.hpp"
#include "concurrent/futures/options.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class WorkerThreads {
  public:
    struct Counts {
        std::size_t workers, idle, pending, running, completed, failed, cancelled;
    };

    /// `options` are checked; max_workers is at least 1. Starts no thread yet.
    explicit WorkerThreads(ThreadPoolOptions options) : pool_(*this, std::move(options), &start_thread) {
        pool_.rule.begin();
    }
    WorkerThreads(const WorkerThreads&) = delete;
    WorkerThreads& operator=(const WorkerThreads&) = delete;

    /// Takes over the task. Throws ShutdownError, BrokenThreadPool, QueueFullError, std::bad_alloc: then
    /// the task is still the caller's. May block, as `on_full` says. False, with caller_runs: the caller is to run it, not
    /// where it handles the exceptions of this function, because the task may end the thread.
    [[nodiscard]] bool submit(Task& task, Priority priority);
    /// Takes over all of them at normal priority, with one lock and one wake-up; or throws as submit() does,
    /// and has none. Where no thread can be started they end with BrokenThreadPool. Not with max_pending.
    void submit_all(TaskQueue& tasks);

    /// No more submissions; queued tasks still run, or are given up if `cancel_pending`.
    CONCURRENT_FUTURES_DECL void begin_shutdown(bool cancel_pending);
    /// Tasks that no worker has taken end as cancelled.
    CONCURRENT_FUTURES_DECL void cancel_pending() noexcept;
    /// The pool pauses and goes on, has another number of workers, or starts all of them.
    ThreadControl control() noexcept { return ThreadControl(pool_); }
    std::size_t max_workers() const noexcept { return pool_.workers.headcount().max_workers(); }
    bool is_broken() const { return pool_.is_broken(); }
    /// Waits for all workers to have ended and joins them; false when the deadline passed first. From
    /// a thread of this pool, which cannot wait for itself: returns true at once.
    CONCURRENT_FUTURES_DECL bool join(const Deadline& deadline);
    /// Waits until no task waits or runs; false when the deadline passed first. Throws BrokenThreadPool in a forked
    /// child, std::system_error in a thread of this pool.
    CONCURRENT_FUTURES_DECL bool wait_idle(const Deadline& deadline);
    /// Before destruction from one of its own threads: they end by themselves.
    void detach() {
        const std::lock_guard lock(pool_.mutex);
        pool_.workers.detach();
    }

    CONCURRENT_FUTURES_DECL Counts counts() const;
    const ThreadPoolOptions& options() const noexcept { return pool_.options; }
    const UnhandledExceptionHook& hook() const noexcept { return pool_.options.on_unhandled_exception; }
    /// For the calls of this pool: its queues, its counters, and what its observer is told.
    ThreadTables& tables() noexcept { return pool_; }
    /// By a task that was submitted, once: it waits no more, since it begins, was cancelled or fails.
    void note_taken() noexcept {
        if (is_bounded()) pool_.room.note_free();
    }
    /// For tasks with a time limit.
    DeadlineTimer& timer() noexcept { return timer_; }
    /// From the options: a line of memory that is never written, unlike the room's.
    bool is_bounded() const noexcept { return pool_.options.max_pending != 0; }
    bool in_forked_child() const noexcept { return pool_.born.in_forked_child(); }
    /// Its calls need the pool after they have ended, or when they are cancelled.
    bool outlived_by_calls() const noexcept {
        return pool_.options.on_unhandled_exception || pool_.options.report_unobserved || is_bounded() || pool_.watch ||
               !pool_.home.is_of_this_module();
    }

    /// The calling thread is a worker of this pool, or runs a stop callback of a task whose time is up: in that the
    /// task may wait for the callback.
    bool is_own_thread() const { return current_worker() || timer_.runs_here(); }
    /// The calling worker, if it is one of this pool's, or null.
    Worker* current_worker() const noexcept { return pool_.home.current_worker(*this); }

    void retain() noexcept {
        // relaxed: the caller holds a reference.
        references_.fetch_add(1, std::memory_order_relaxed);
    }
    void release() noexcept {
        // acq_rel, pairs with itself: the last one sees what all others did.
        if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
    }

  private:
    using Lock = ThreadTables::Lock;

    ~WorkerThreads() = default;

    CONCURRENT_FUTURES_DECL bool submit_within_bound(Task& task, Priority priority);
    void bring_worker_for(Task& task, Priority priority);
    CONCURRENT_FUTURES_DECL void unsubmit_or_keep(Task& task, Priority priority, const std::exception& error);
    CONCURRENT_FUTURES_DECL static SizedThread start_thread(WorkerThreads& pool, Worker& worker, std::size_t number);

    Atomic<std::size_t> references_{1};
    ThreadTables pool_;
    DeadlineTimer timer_{pool_.attributes};
};

// ---- submitting ----------------------------------------------------------------------------------

/// Small enough to be a part of the caller: what is not done for each task is elsewhere.
inline bool WorkerThreads::submit(Task& task, Priority priority) {
    pool_.throw_if_forked();
    if (is_bounded()) return submit_within_bound(task, priority);
    Worker* const here = priority == Priority::normal ? current_worker() : nullptr;
    if (here) {
        if (pool_.search.is_closed()) pool_.throw_closed();
        here->push(task);
    } else if (!pool_.queues.inbox.push(task, priority)) {
        pool_.throw_closed();
    }
    if (pool_.search.needs_worker()) bring_worker_for(task, priority);
    return true;
}

inline void WorkerThreads::submit_all(TaskQueue& tasks) {
    pool_.throw_if_forked();
    if (tasks.empty()) return;
    if (Worker* const here = current_worker()) {
        if (pool_.search.is_closed()) pool_.throw_closed();
        here->push_all(tasks);
    } else if (!pool_.queues.inbox.push_all(tasks, Priority::normal)) {
        pool_.throw_closed();
    }
    if (!pool_.search.needs_worker()) return;
    Lock lock(pool_.mutex);
    pool_.bring_or_abandon(lock);
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail

#if CONCURRENT_FUTURES_HEADER_ONLY
#include "concurrent/futures/impl/worker_threads.hpp"
#endif
