// SPDX-License-Identifier: MIT
//
// worker_threads_life.hpp: how the workers of WorkerThreads are started, find work, sleep and end. Included by
// worker_threads.hpp, where the class and its picture are.
#pragma once

#include <exception>
#include <memory>
#include <string>

#include "concurrent/futures/detail/platform/bounds.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/spin.hpp"
#include "concurrent/futures/detail/platform/thread_name.hpp"
#include "concurrent/futures/detail/scheduling/worker_threads.hpp"
#include "concurrent/futures/detail/state/without_memory.hpp"
#include "concurrent/futures/detail/state/shared_state.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

inline WorkerThreads::~WorkerThreads() {
    for (Worker* worker = first_worker(); worker;) delete std::exchange(worker, worker->next);
}

// ---- bringing a worker: all with mutex_ held ----------------------------------------------------

/// After a change of alive_, idle_ or blocked_.
inline void WorkerThreads::recount() noexcept {
    const std::size_t limit = most_threads();
    const std::size_t places = too_many() ? 0 : options_.max_workers - at_work();
    const std::size_t there = idle_.size() + (alive_ < limit ? limit - alive_ : 0);
    // (C) seq_cst, pairs with (A) in search(): see the proof in worker_threads.hpp.
    available_.store(smaller(places, there), std::memory_order_seq_cst);
    // relaxed: a hint; lie_down() asks with the mutex.
    if (surplus_.load(std::memory_order_relaxed) != too_many())
        surplus_.store(too_many(), std::memory_order_relaxed);
}

/// Wakes or starts one, unless enough are about to look. Throws what SizedThread throws; then nothing has
/// changed. Gives up the lock for the wake-up.
inline void WorkerThreads::bring_worker(Lock& lock) {
    // (B) seq_cst, pairs with the decrement in search(): of one that searches no more it is seen that it takes.
    if (searching_.load(std::memory_order_seq_cst) != 0 || at_work() >= options_.max_workers) return;
    if (!idle_.empty()) {
        Worker& worker = choose_idle();
        lock.unlock();
        worker.parker.wake();
    } else if (should_grow()) {
        start_worker();
    }
}

/// Where nobody could take an exception: false when a thread could not be started. Then the workers that are
/// there will do it.
inline bool WorkerThreads::bring_worker_for_rest() noexcept {
    // (B) seq_cst: as above.
    if (searching_.load(std::memory_order_seq_cst) != 0 || at_work() >= options_.max_workers || !work_is_left())
        return true;
    if (!idle_.empty()) {
        choose_idle().parker.wake();
    } else if (should_grow()) {
        try {
            start_worker();
        } catch (...) {
            return false;
        }
    }
    return true;
}

/// More threads than there are calls that nobody is about to take would be a waste. Whoever counts as taking
/// looks around once more when it no longer does: so a submitter may rely on it as on a searcher.
inline bool WorkerThreads::should_grow() const noexcept {
    if (alive_ >= most_threads()) return false;
    // (B) seq_cst, pairs with the decrement in search(). Before the backlog: what is taken in between
    // counts as neither.
    const std::size_t coming = starting_ + taking_.load(std::memory_order_seq_cst);
    return backlog() > coming;
}

inline Worker& WorkerThreads::choose_idle() noexcept {
    Worker& worker = *idle_.back();
    idle_.pop_back();
    searching_.fetch_add(1, std::memory_order_relaxed);  // on its behalf
    recount();
    return worker;
}

inline void WorkerThreads::start_worker() {
    if (vacant_.empty()) {
        // So that nothing can throw later, when a worker lies down or ends.
        const std::size_t places = started_ + 1;
        for (auto* const list : {&idle_, &ended_, &vacant_}) list->reserve(larger(places, list->size()));
        auto worker = std::make_unique<Worker>(*this, first_worker());
        vacant_.push_back(worker.get());
        // (3) release, pairs with (4) in first_worker().
        first_worker_.store(worker.release(), std::memory_order_release);
    }
    Worker& worker = *vacant_.back();
    retain();
    try {
        worker.thread = home_.start_thread(*this, worker, started_);
    } catch (...) {
        release();
        throw;
    }
    vacant_.pop_back();
    ++started_;
    ++alive_;
    ++starting_;
    recount();
}

inline SizedThread WorkerThreads::start_thread(WorkerThreads& pool, Worker& worker, std::size_t number) {
    const auto live = [&pool, &worker, number] {
        pool.attributes_.apply();
        name_current_thread(pool.options_.thread_name_prefix, number);
        const auto tell = [&](auto event) {
            if (!pool.watch_) return;
            pool.watch_.tell([&](Observer& observer) {
                const std::string name = pool.options_.thread_name_prefix + "_" + std::to_string(number);
                (observer.*event)(pool.watch_.worker_event(number, name));
            });
        };
        tell(&Observer::worker_started);
        struct Release {
            WorkerThreads& pool;
            ~Release() { pool.release(); }
        };
        const Release reference{pool};
        pool.work(worker, [&] { tell(&Observer::worker_ended); });
    };
    if (pool.options_.stack_size == 0 && pool.stack_size_ != 0) {
        try {
            return SizedThread(pool.stack_size_, live);
        } catch (const std::system_error&) {
            // A limit on address space, such as `ulimit -v`: what the system gives to threads is less.
        }
        return SizedThread(0, live);
    }
    return SizedThread(pool.stack_size_, live);
}

/// With the locks of all queues, one after the other.
inline bool WorkerThreads::work_is_left() const noexcept {
    if (!inbox_.empty()) return true;
    for (const Worker* worker = first_worker(); worker; worker = worker->next)
        if (!worker->empty()) return true;
    return false;
}

inline std::size_t WorkerThreads::backlog() const noexcept {
    std::size_t tasks = inbox_.size();
    for (const Worker* worker = first_worker(); worker; worker = worker->next) tasks += worker->size();
    return tasks;
}

// ---- a worker's life ----------------------------------------------------------------------------

/// From searching_ to searching_, until there is a reason to leave.
inline void WorkerThreads::run_tasks(Worker& worker) {
    while (Task* task = search(worker)) {
        do {
            if (options_.max_pending != 0) note_room();
            if (task->run() == TaskEnd::cancelled) worker.calls.cancelled();
            // relaxed: a hint; search() decides.
        } while (!surplus_.load(std::memory_order_relaxed) && (task = try_take(worker)));
        // relaxed: it adds one who will look again.
        searching_.fetch_add(1, std::memory_order_relaxed);
    }
}

inline Task* WorkerThreads::try_take(Worker& worker) noexcept {
    if (!inbox_.looks_empty(Priority::high))
        if (Task* const task = inbox_.try_take(Priority::high)) return task;
    // Tasks that keep submitting others must not keep the inbox waiting for ever.
    const bool inbox_first = ++worker.picked % 64 == 0;
    if (!inbox_first)
        if (Task* const task = worker.try_take_oldest()) return task;
    if (!inbox_.looks_empty(Priority::normal))
        if (Task* const task = inbox_.try_take(Priority::normal)) return task;
    // From here on: its own, in case the inbox was first; then those of the others, beginning behind it.
    Worker* other = &worker;
    do {
        if (Task* const task = other->try_take_oldest()) return task;
        other = other->next ? other->next : first_worker();
    } while (other != &worker);
    return inbox_.looks_empty() ? nullptr : inbox_.try_take();
}

/// Without locks.
inline bool WorkerThreads::sees_work() const noexcept {
    if (!inbox_.looks_empty()) return true;
    for (const Worker* worker = first_worker(); worker; worker = worker->next)
        if (!worker->looks_empty()) return true;
    return false;
}

/// A worker as quick as the submitter would take each task alone, and both would wait for the same cache lines
/// all the time: a worker that finds work at once lets some gather first, for up to about a microsecond.
/// A submitter that waits for each result never gives it cause to. Measured: benchmarks/README.md.
inline void WorkerThreads::adapt_patience(Worker& worker, int looks) noexcept {
    constexpr int most = 32, some = 8, at_once = 4;
    if (inbox_.last_fetched() >= at_once)
        worker.patience = smaller(worker.patience * 2 + some, most);
    else if (worker.patience > 0)
        worker.patience /= 2;
    else if (looks <= at_once)
        worker.patience = some;
}

/// Called while counted in searching_, returns without. Null: this worker should leave.
inline Task* WorkerThreads::search(Worker& worker) noexcept {
    for (;;) {
        // relaxed: a guess; one that waits for work is enough.
        const bool alone = searching_.load(std::memory_order_relaxed) == 1;
        for (int pauses = 0; pauses < worker.patience; ++pauses) pause();
        int looks = 0;
        bool seen = false;
        const auto look = [&] {
            ++looks;
            seen = sees_work();
            // relaxed: nobody should wait for the spinning to end; lie_down() asks with the mutex.
            return seen || closed_.load(std::memory_order_relaxed);
        };
        alone && worker.long_rests < pointless ? spin_until(look) : look();
        // relaxed: a hint.
        if (seen && !surplus_.load(std::memory_order_relaxed)) {
            // relaxed: handed over by the decrement that follows.
            taking_.fetch_add(1, std::memory_order_relaxed);
            // seq_cst, both decrements: pair with (B) in submit(), bring_worker() and should_grow().
            searching_.fetch_sub(1, std::memory_order_seq_cst);
            Task* const task = try_take(worker);
            // seq_cst: the second of the two decrements above.
            taking_.fetch_sub(1, std::memory_order_seq_cst);
            adapt_patience(worker, looks);
            // (A) seq_cst, pairs with (C) in recount(): see the proof in worker_threads.hpp.
            if (available_.load(std::memory_order_seq_cst) != 0) {
                const std::lock_guard lock(mutex_);
                bring_worker_for_rest();
            }
            if (task) return task;
            searching_.fetch_add(1, std::memory_order_relaxed);  // relaxed: it will look again
        } else if (!lie_down(worker)) {
            return nullptr;
        }
    }
}

/// Sleeps until somebody brings this worker, or there is something to do after all. False when it should leave
/// instead: then it is not counted in searching_.
inline bool WorkerThreads::lie_down(Worker& worker) noexcept {
    Lock lock(mutex_);
    // relaxed: written under mutex_.
    const bool closed = closed_.load(std::memory_order_relaxed);
    // One worker too many leaves the work to the others: each looks once more before it lies down or blocks.
    const bool spare = too_many();
    const bool substitute = alive_ > options_.max_workers;
    if (!closed) {
        worker.parker.reset();
        idle_.push_back(&worker);
        recount();
        if (waiting_for_idle_ != 0 && alive_ == idle_.size()) all_ended_.notify_all();
    }
    // relaxed: with mutex_; a worker that blocks must not rely on this one.
    if (spare) searching_.fetch_sub(1, std::memory_order_relaxed);
    lock.unlock();
    // relaxed: the look that follows takes the locks; see the proof in worker_threads.hpp.
    if (!spare) searching_.fetch_sub(1, std::memory_order_relaxed);
    const bool work = !spare && work_is_left();
    if (closed) {
        // relaxed: it will look again.
        if (work) searching_.fetch_add(1, std::memory_order_relaxed);
        return work;
    }
    if (!work) rest(worker, substitute);
    lock.lock();
    if (std::erase(idle_, &worker) != 0) {
        // Nobody has brought it: there is work, or it has been idle for long enough to end.
        recount();
        if (!work && (!substitute || alive_ > options_.max_workers)) return false;
        // relaxed: it will look again.
        searching_.fetch_add(1, std::memory_order_relaxed);
        return true;
    }
    // Brought. If that was only just now, the wake-up is still to come, and must not meet the next sleep.
    lock.unlock();
    worker.parker.park(Deadline::never());
    return true;
}

/// `substitute`: there are more threads than max_workers, so one that is not needed for a while ends.
/// Where tasks come one by one, far apart, spinning after each is a waste, a quarter of all that such a task costs.
/// As soon as one has come so early that spinning might have met it, it is tried again.
inline void WorkerThreads::rest(Worker& worker, bool substitute) noexcept {
    const auto begin = std::chrono::steady_clock::now();
    const Deadline idle = Deadline::after(options_.idle_timeout);
    worker.parker.park(substitute ? idle.or_earlier(Deadline::after(substitutes_patience)) : idle);
    const bool was_long = std::chrono::steady_clock::now() - begin > 10 * spin_time;  // with the wake-up
    worker.long_rests = was_long ? smaller(worker.long_rests + 1, pointless) : 0;
}

inline void WorkerThreads::end(Worker& worker) noexcept {
    // One worker too many may leave tasks behind.
    while (Task* const task = worker.try_take_oldest()) inbox_.push_back(*task);
    Lock lock(mutex_);
    // Each ending thread joins those that ended before, so that they do not pile up.
    while (!ended_.empty()) {
        Worker& before = *ended_.back();
        SizedThread thread = std::move(before.thread);
        ended_.pop_back();
        lock.unlock();
        if (thread.joinable()) thread.join();
        lock.lock();
        vacant_.push_back(&before);
    }
    ended_.push_back(&worker);
    --alive_;
    recount();
    // What was submitted since this worker looked last may have counted on it.
    if (!bring_worker_for_rest() && alive_ == 0) {
        lock.unlock();
        abandon_all(cannot_start());
        lock.lock();
    }
    all_ended_.notify_all();
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
