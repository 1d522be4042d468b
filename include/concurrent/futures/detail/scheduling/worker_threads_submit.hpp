// SPDX-License-Identifier: MIT
//
// worker_threads_submit.hpp: the part of WorkerThreads that threads outside call. Included by
// worker_threads.hpp, where the class and its picture are.
#pragma once

#include <exception>
#include <string>
#include <thread>

#include "concurrent/futures/detail/scheduling/worker_threads.hpp"
#include "concurrent/futures/detail/state/without_memory.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

inline void WorkerThreads::throw_if_forked() const {
    if (in_forked_child())
        throw BrokenThreadPool(
            "ThreadPoolExecutor: made before fork(); its threads are in the parent process. Make a "
            "new pool in the child");
}

inline void WorkerThreads::submit(Task& task, Priority priority) {
    throw_if_forked();
    if (options_.max_pending != 0) return submit_within_bound(task, priority);
    Worker* const here = priority == Priority::normal ? current_worker() : nullptr;
    if (here) {
        // acquire, pairs with the release in begin_shutdown(): what was done before the shutdown is seen.
        if (closed_.load(std::memory_order_acquire)) throw_closed();
        here->push(task);
    } else if (!inbox_.push(task, priority)) {
        throw_closed();
    }
    // (B) seq_cst, pairs with the decrement in search(). relaxed: the lock of the push orders it. See the proof in
    // worker_threads.hpp.
    if (searching_.load(std::memory_order_seq_cst) != 0 ||
        available_.load(std::memory_order_relaxed) == 0)
        return;
    try {
        Lock lock(mutex_);
        bring_worker(lock);
    } catch (const std::exception& error) {
        unsubmit_or_keep(task, priority, error);
    }
}

inline void WorkerThreads::submit_all(TaskQueue& tasks) {
    throw_if_forked();
    if (tasks.empty()) return;
    if (Worker* const here = current_worker()) {
        // acquire: as in submit().
        if (closed_.load(std::memory_order_acquire)) throw_closed();
        here->push_all(tasks);
    } else if (!inbox_.push_all(tasks, Priority::normal)) {
        throw_closed();
    }
    // (B) and relaxed: as in submit().
    if (searching_.load(std::memory_order_seq_cst) != 0 ||
        available_.load(std::memory_order_relaxed) == 0)
        return;
    Lock lock(mutex_);
    if (bring_worker_for_rest() || alive_ != 0) return;
    lock.unlock();
    abandon_all(cannot_start());
}

inline std::exception_ptr WorkerThreads::cannot_start() {
    return error_or_why_not([] {
        return BrokenThreadPool("ThreadPoolExecutor: cannot start a worker thread; ask for fewer workers or a "
                                "smaller stack_size, or raise the system's limits on threads and memory");
    });
}

/// A thread could not be started. If there is none at all, nobody would ever run the task.
inline void WorkerThreads::unsubmit_or_keep(Task& task, Priority priority, const std::exception& error) {
    {
        const std::lock_guard lock(mutex_);
        if (alive_ != 0) return;
    }
    if (!inbox_.remove(task, priority)) return;
    note_room();
    throw BrokenThreadPool(std::string("ThreadPoolExecutor: cannot start a worker thread: ") +
                           error.what() +
                           "; ask for fewer workers or a smaller stack_size, or raise the system's limits on threads and memory");
}

inline void WorkerThreads::throw_closed() const {
    const std::lock_guard lock(mutex_);
    if (!broken_.empty()) throw BrokenThreadPool(broken_);
    throw ShutdownError("ThreadPoolExecutor: cannot schedule new tasks after shutdown");
}

/// With max_pending everything goes through the inbox, and one submission at a time.
inline void WorkerThreads::submit_within_bound(Task& task, Priority priority) {
    Lock lock(mutex_);
    bool urgent = false;
    // A worker never waits for room: it may be the one that has to make it.
    while (!current_worker() && inbox_.size() >= options_.max_pending) {
        // Cancelled calls, and those that a waiting worker has run, still have their entries.
        if (std::exchange(may_have_spent_, false)) {
            PriorityQueue spent = inbox_.take_spent();
            lock.unlock();
            abandon(std::move(spent), nullptr);
            lock.lock();
            continue;
        }
        // relaxed: written under mutex_.
        if (closed_.load(std::memory_order_relaxed)) break;
        switch (options_.on_full) {
            case QueueFull::raise:
                throw QueueFullError("ThreadPoolExecutor: " + std::to_string(inbox_.size()) +
                                     " tasks are waiting, which is max_pending; submit later, or choose "
                                     "QueueFull::block or caller_runs");
            case QueueFull::caller_runs:
                lock.unlock();
                if (task.run() == TaskEnd::cancelled) calls().cancelled();
                return;
            case QueueFull::block: wait_for_room(lock, std::exchange(urgent, true));
        }
    }
    if (!inbox_.push(task, priority)) {
        lock.unlock();
        throw_closed();
    }
    try {
        bring_worker(lock);
    } catch (const std::exception& error) {
        if (lock.owns_lock()) lock.unlock();
        unsubmit_or_keep(task, priority, error);
    }
}

// Submitters that wait for room at max_pending are woken for several free places at once: a wake-up for each task
// costs more than a short task. No free place stays unused for longer than room_patience while a submitter waits:
//   A submitter first sleeps for room_patience at most. In that time it is woken when a batch of places, half of
//   max_pending, has become free; after it, it looks for itself.
//   If it finds the queue full then, tasks may be long. Now it counts as urgent, and sleeps until it is woken. As long
//   as there is one that is urgent, each place that becomes free wakes a submitter. Whoever that is takes the place,
//   or finds that another submitter has. The queue was full, with mutex_, when the urgent one began to wait: so
//   each place that is free while it sleeps has woken somebody.
// Workers don't run out of tasks meanwhile: half of the queue is left when the submitters are woken.

/// With mutex_: one more place is free. How many submitters to wake.
inline int WorkerThreads::count_room() noexcept {
    if (waiting_for_room_ == 0) return 0;
    ++freed_;
    if (urgent_for_room_ == 0 && freed_ < options_.max_pending / 2) return 0;
    const std::size_t count = smaller(freed_, waiting_for_room_);
    freed_ = 0;
    // relaxed: with mutex_.
    room_.fetch_add(1, std::memory_order_relaxed);
    return static_cast<int>(smaller<std::size_t>(count, 1 << 30));
}

/// Without mutex_, so that they don't wait for it at once.
inline void WorkerThreads::wake_submitters(int count) noexcept {
    if (count != 0) futex_wake(&room_, count);
}

/// With mutex_: the pool closes, so all submitters go on.
inline void WorkerThreads::give_room() noexcept {
    // relaxed: with mutex_.
    room_.fetch_add(1, std::memory_order_relaxed);
    if (waiting_for_room_ != 0) futex_wake_all(&room_);
}

/// With mutex_, which it gives up meanwhile. May return for no reason.
inline void WorkerThreads::wait_for_room(Lock& lock, bool urgent) {
    // relaxed, both: written under mutex_; what a change means is looked at with it.
    const std::uint32_t seen = room_.load(std::memory_order_relaxed);
    const auto woken = [&] { return room_.load(std::memory_order_relaxed) != seen; };
    if (waiting_for_room_++ == 0) freed_ = 0;
    urgent_for_room_ += urgent ? 1 : 0;
    lock.unlock();
    block_until(urgent ? Deadline::never() : Deadline::after(room_patience), woken,
                [&](const Deadline& until) { futex_wait(room_, seen, until); });
    lock.lock();
    --waiting_for_room_;
    urgent_for_room_ -= urgent ? 1 : 0;
}

inline void WorkerThreads::note_room() noexcept {
    if (options_.max_pending == 0) return;
    Lock lock(mutex_);
    const int count = count_room();
    lock.unlock();
    wake_submitters(count);
}

inline void WorkerThreads::note_spent() noexcept {
    if (options_.max_pending == 0) return;
    Lock lock(mutex_);
    may_have_spent_ = true;
    const int count = count_room();
    lock.unlock();
    wake_submitters(count);
}

inline void WorkerThreads::begin_shutdown(bool cancel_pending) {
    if (in_forked_child()) return;
    {
        const std::lock_guard lock(mutex_);
        // release, pairs with the acquire in submit().
        closed_.store(true, std::memory_order_release);
        inbox_.close();
        give_room();
        // Idle workers have nothing to do and must see that; busy ones see it when they come back.
        while (!idle_.empty()) choose_idle().parker.wake();
    }
    if (cancel_pending) abandon_all(nullptr);
}

inline void WorkerThreads::cancel_pending() noexcept {
    if (in_forked_child()) return;
    abandon_all(nullptr);
    const std::lock_guard lock(mutex_);
    give_room();
}

inline void WorkerThreads::abandon(PriorityQueue tasks, const std::exception_ptr& reason) noexcept {
    while (Task* const task = tasks.try_pop())
        if (task->abandon(reason) == TaskEnd::cancelled) calls().cancelled();
}

inline void WorkerThreads::abandon_all(const std::exception_ptr& reason) noexcept {
    abandon(inbox_.take_all(), reason);
    for (Worker* worker = first_worker(); worker; worker = worker->next)
        while (Task* const task = worker->try_take_oldest())
            if (task->abandon(reason) == TaskEnd::cancelled) calls().cancelled();
}

inline bool WorkerThreads::join(const Deadline& deadline) {
    if (in_forked_child() || is_own_thread()) return true;
    const bool ended = block_until(
        deadline,
        [this] {
            const std::lock_guard lock(mutex_);
            return alive_ == 0;
        },
        [this](const Deadline& until) {
            Lock lock(mutex_);
            const auto all_ended = [this] { return alive_ == 0; };
            timed_wait(all_ended_, lock, until, all_ended);
        });
    if (!ended) return false;
    Lock lock(mutex_);
    // Their last act was to hand over this mutex: joining takes no time. Nor memory: destructors come here.
    while (!ended_.empty()) {
        Worker& worker = *ended_.back();
        SizedThread thread = std::move(worker.thread);
        ended_.pop_back();
        vacant_.push_back(&worker);
        lock.unlock();
        thread.join();
        lock.lock();
    }
    lock.unlock();
    timer_.stop();
    return true;
}

/// A worker that looks around before it sleeps is in idle_ already. What it finds is still in a queue, so is_idle() is
/// false, and it will lie down once more.
inline bool WorkerThreads::wait_idle(const Deadline& deadline) {
    throw_if_forked();
    if (is_own_thread())
        throw std::system_error(std::make_error_code(std::errc::resource_deadlock_would_occur),
                                "ThreadPoolExecutor::wait_idle: called in a task of this pool, which would wait for "
                                "itself; wait for futures instead");
    return block_until(
        deadline,
        [this] {
            const std::lock_guard lock(mutex_);
            return is_idle();
        },
        [this](const Deadline& until) {
            Lock lock(mutex_);
            ++waiting_for_idle_;
            timed_wait(all_ended_, lock, until, [this] { return is_idle(); });
            --waiting_for_idle_;
        });
}

inline void WorkerThreads::detach() {
    const std::lock_guard lock(mutex_);
    for (Worker* worker = first_worker(); worker; worker = worker->next)
        if (worker->thread.joinable()) worker->thread.detach();
    vacant_.insert(vacant_.end(), ended_.begin(), ended_.end());
    ended_.clear();
}

inline BlockingWorker::Substitute WorkerThreads::begin_block() noexcept {
    const std::lock_guard lock(mutex_);
    ++blocked_;
    recount();
    const bool could_start = bring_worker_for_rest();
    if (at_work() >= options_.max_workers || !idle_.empty() || (could_start && alive_ < most_threads()))
        return BlockingWorker::Substitute::possible;
    return at_work() == 0 ? BlockingWorker::Substitute::none : BlockingWorker::Substitute::at_bound;
}

inline void WorkerThreads::end_block() noexcept {
    const std::lock_guard lock(mutex_);
    --blocked_;
    recount();
}

/// One more thread, beyond the bound, where fewer than max_workers work and no call has begun for a while: a slice for
/// each call that is queued, up to five, since one thread helps many calls less; and more the more threads there are.
inline void WorkerThreads::watch_blocked() noexcept {
    const std::lock_guard lock(mutex_);
    if (at_work() >= options_.max_workers || !idle_.empty()) return;
    CallCounters::Counts calls;
    calls_of_others_.add_to(calls);
    for (const Worker* worker = first_worker(); worker; worker = worker->next) worker->calls.add_to(calls);
    const auto now = std::chrono::steady_clock::now();
    if (std::exchange(begun_, calls.begun) != calls.begun) begun_at_ = now;
    const std::size_t tasks = backlog();
    const std::size_t beyond = alive_ - smaller(alive_, most_threads());
    if (tasks == 0 || now - begun_at_ < BlockingWorker::slice * (smaller<std::size_t>(tasks, 5) * (1 + beyond / 256)))
        return;
    begun_at_ = now;
    try {
        start_worker();
    } catch (...) {  // another try after the next slice
    }
}

inline BlockingWorker::Substitute Worker::begin_block() noexcept { return pool.begin_block(); }
inline void Worker::end_block() noexcept { pool.end_block(); }
inline void Worker::watch() noexcept { pool.watch_blocked(); }

inline WorkerThreads::Counts WorkerThreads::counts() const {
    if (in_forked_child()) return {};  // somebody may have held a mutex at the fork
    const std::lock_guard lock(mutex_);
    CallCounters::Counts calls;
    calls_of_others_.add_to(calls);
    std::size_t pending = 0;
    const auto count = [&](const Task& task) {
        pending += task.standing() == Task::Standing::waiting;
        calls.cancelled += task.standing() == Task::Standing::cancelled;
    };
    inbox_.for_each(count);
    for (Worker* worker = first_worker(); worker; worker = worker->next) {
        worker->for_each_task(count);
        worker->calls.add_to(calls);
    }
    return {alive_, idle_.size(), pending, calls.running(), calls.completed, calls.failed, calls.cancelled};
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
