// SPDX-License-Identifier: MIT
//
// worker_loop.hpp: the life of a worker of a thread pool: initializer, tasks, sleep, worker_exit.
//
//     finds no task     searches: looks again for about spin_time, only one worker at a time, and not if that was in
//                       vain several times in a row; then sleeps
//     finds a task      after a search it brings the next worker if more tasks are left; runs the task
//
// A task or a hook may end the thread (pthread_exit(), forced_unwind.hpp); the rest of the life follows all the same.
// Threads: the worker itself, without the mutex. User code runs without a lock.
#pragma once

#include <exception>
#include <mutex>
#include <string>
#include <utility>

#include "concurrent/futures/detail/platform/bounds.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/forced_unwind.hpp"
#include "concurrent/futures/detail/platform/spin.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/detail/scheduling/thread_tables.hpp"
#include "concurrent/futures/detail/scheduling/worker.hpp"
#include "concurrent/futures/detail/state/unhandled.hpp"
#include "concurrent/futures/detail/state/without_memory.hpp"
#include "concurrent/futures/detail/task/task.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class WorkerLoop {
  public:
    WorkerLoop(ThreadTables& pool, Worker& worker) noexcept : pool_(pool), worker_(worker) {}

    /// `last`: what to do before others may hear that this thread has ended. Throws nothing but a forced unwind.
    template <class Last>
    void run(Last last);

  private:
    using Lock = ThreadTables::Lock;

    void live();
    bool initialize();
    void break_pool(std::string why) noexcept;
    void run_worker_exit();
    void run_tasks();
    Task* search() noexcept;
    void adapt_gathering(int looks) noexcept;
    bool lie_down() noexcept;
    void sleep(bool substitute, bool kept) noexcept;
    void end() noexcept;

    static constexpr auto longest_sleep_of_substitute = tuning::longest_sleep_of_substitute;
    static constexpr int pointless = tuning::long_sleeps_until_no_spin;  // after this many long sleeps in a row a worker does not spin

    ThreadTables& pool_;
    Worker& worker_;
};

template <class Last>
void WorkerLoop::run(Last last) {
    this_worker = &worker_;
    worker_.note_stack(pool_.stack_size);
    const auto leave = [&] {
        last();
        end();
        // What thread_locals of this thread still do is done from outside.
        this_worker = nullptr;
    };
    try {
        live();
    } catch (ForcedUnwind&) {
        leave();
        throw;
    }
    leave();
}

inline void WorkerLoop::live() {
    bool ready = false;
    const auto begin = [&] {
        {
            const std::lock_guard lock(pool_.mutex);
            pool_.workers.note_started();
            if (pool_.workers.headcount().starting() == 0) pool_.all_started.notify_all();
            if (ready) pool_.search.begin_search();
        }
        if (ready) return;
        pool_.queues.abandon_all(error_or_why_not([this] { return BrokenThreadPool(pool_.broken); }), worker_.calls);
    };
    try {
        ready = initialize();
    } catch (ForcedUnwind&) {
        begin();
        throw;
    }
    begin();
    if (!ready) return;
    try {
        run_tasks();
    } catch (ForcedUnwind&) {
        run_worker_exit();
        throw;
    }
    run_worker_exit();
}

inline void WorkerLoop::run_worker_exit() {
    if (!pool_.options.worker_exit) return;
    try {
        pool_.options.worker_exit();
    } catch (ForcedUnwind&) {
        throw;
    } catch (...) {
        report_unhandled(pool_.options.on_unhandled_exception, std::current_exception(), "worker_exit");
    }
}

/// False when the initializer threw: the pool is broken now.
inline bool WorkerLoop::initialize() {
    try {
        if (pool_.options.initializer) pool_.options.initializer();
        return true;
    } catch (ForcedUnwind&) {
        break_pool(text_or_why_not([] {
            return std::string("ThreadPoolExecutor: the initializer ended its thread (pthread_exit(), or it "
                               "was cancelled); the pool cannot be used any more");
        }));
        throw;
    } catch (const std::exception& error) {
        break_pool(text_or_why_not([&] {
            return std::string("ThreadPoolExecutor: the initializer threw: ") + error.what() +
                   "; the pool cannot be used any more";
        }));
    } catch (...) {
        break_pool(text_or_why_not([] {
            return std::string("ThreadPoolExecutor: the initializer threw something that is no std::exception; "
                               "the pool cannot be used any more");
        }));
    }
    return false;
}

inline void WorkerLoop::break_pool(std::string why) noexcept {
    const std::lock_guard lock(pool_.mutex);
    pool_.close(std::move(why));
}

/// The worker is counted as searching when it calls this. Returns when it should leave; then it is not counted.
inline void WorkerLoop::run_tasks() {
    while (Task* task = search()) {
        do {
            task->run();
        } while (!pool_.search.has_surplus() && (task = pool_.queues.try_take(worker_)));
        pool_.search.begin_search();
    }
}

/// A worker as quick as the submitter would take each task alone, and both would wait for the same cache lines
/// all the time: a worker that finds work at once lets some gather first, for up to about a microsecond.
/// A submitter that waits for each result never makes it do so. Measured: benchmarks/README.md.
inline void WorkerLoop::adapt_gathering(int looks) noexcept {
    constexpr int most = tuning::most_gathering_pauses, some = tuning::first_gathering_pauses;
    constexpr int at_once = tuning::gathers_from;
    if (pool_.queues.inbox.last_fetched() >= at_once)
        worker_.gathering_pauses = smaller(worker_.gathering_pauses * 2 + some, most);
    else if (worker_.gathering_pauses > 0)
        worker_.gathering_pauses /= 2;
    else if (looks <= at_once)
        worker_.gathering_pauses = some;
}

/// Called while counted as searching, returns without. Null: this worker should leave.
inline Task* WorkerLoop::search() noexcept {
    for (;;) {
        const bool alone = pool_.search.is_searched_once();
        for (int pauses = 0; pauses < worker_.gathering_pauses; ++pauses) pause();
        int looks = 0;
        bool seen = false;
        const auto look = [&] {
            ++looks;
            seen = !pool_.queues.looks_empty();
            return seen || pool_.search.is_closed();
        };
        alone && worker_.long_sleeps < pointless ? spin_until(look) : look();
        if (seen && !pool_.search.has_surplus()) {
            pool_.search.begin_take();
            Task* const task = pool_.queues.try_take(worker_);
            pool_.search.end_take();
            adapt_gathering(looks);
            if (pool_.search.has_available()) {
                const std::lock_guard lock(pool_.mutex);
                pool_.workers.bring_if_tasks_left();
            }
            if (task) return task;
            pool_.search.begin_search();
        } else if (!lie_down()) {
            return nullptr;
        }
    }
}

/// Sleeps until this worker is brought, or there is something to do after all. False when it should leave
/// instead: then it is not counted as searching.
inline bool WorkerLoop::lie_down() noexcept {
    Workforce& workers = pool_.workers;
    Lock lock(pool_.mutex);
    const bool closed = pool_.search.is_closed();
    // One worker too many leaves the work to the others: each looks once more before it lies down or blocks.
    const bool spare = workers.headcount().too_many();
    const bool substitute = workers.headcount().has_substitutes();
    const bool kept = workers.headcount().all_are_kept();
    if (!closed) {
        workers.lie_down(worker_);
        if (workers.headcount().all_idle()) pool_.idle_waiters.notify();
    }
    if (spare) pool_.search.end_search();  // with the mutex: a worker that blocks must not rely on this one
    lock.unlock();
    if (!spare) pool_.search.end_search();
    const bool work = !spare && !pool_.queues.empty();
    if (closed) {
        if (work) pool_.search.begin_search();
        return work;
    }
    if (!work) sleep(substitute, kept);
    lock.lock();
    if (workers.try_rise(worker_)) {
        // There is work, or the worker has been idle for long enough to end.
        if (!work && workers.try_leave(worker_, substitute)) return false;
        pool_.search.begin_search();
        return true;
    }
    // Brought. If that was only just now, the wake-up is still to come, and must not meet the next sleep.
    lock.unlock();
    worker_.parker.park(Deadline::never());
    return true;
}

/// `substitute`: there are more threads than max_workers, so one that is not needed for a while ends. `kept`: there are
/// no more than base_workers, so idle_timeout ends none.
/// If tasks come one by one, far apart, spinning after each is a waste: a quarter of all that such a task costs. As soon as
/// a task comes so early that spinning might have met it, the worker spins again.
inline void WorkerLoop::sleep(bool substitute, bool kept) noexcept {
    const auto begin = std::chrono::steady_clock::now();
    const Deadline idle = kept ? Deadline::never() : Deadline::after(pool_.options.idle_timeout);
    worker_.parker.park(substitute ? idle.or_earlier(Deadline::after(longest_sleep_of_substitute)) : idle);
    const bool was_long = std::chrono::steady_clock::now() - begin > tuning::long_sleep;  // with the wake-up
    worker_.long_sleeps = was_long ? smaller(worker_.long_sleeps + 1, pointless) : 0;
}

inline void WorkerLoop::end() noexcept {
    // One worker too many may leave tasks behind.
    while (Task* const task = worker_.try_take_away()) pool_.queues.inbox.push_back(*task);
    Lock lock(pool_.mutex);
    // Each ending thread joins those that ended before, so that they do not pile up.
    pool_.workers.join_ended(lock);
    pool_.workers.note_end(worker_);
    // What was submitted since this worker looked last may have counted on it.
    if (!pool_.workers.bring_if_tasks_left() && pool_.workers.headcount().alive() == 0) {
        lock.unlock();
        pool_.queues.abandon_all(ThreadTables::cannot_start(), worker_.calls);
        lock.lock();
    }
    pool_.all_ended.notify_all();
    if (pool_.workers.headcount().all_idle()) pool_.idle_waiters.notify();
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
