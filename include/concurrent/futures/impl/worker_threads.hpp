// SPDX-License-Identifier: MIT
//
// impl/worker_threads.hpp: the threads of a pool, and what is not done for each task; see impl/src.hpp.
#pragma once

#include <cstddef>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>

#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/sized_thread.hpp"
#include "concurrent/futures/detail/platform/thread_name.hpp"
#include "concurrent/futures/detail/scheduling/worker_loop.hpp"
#include "concurrent/futures/detail/scheduling/worker_threads.hpp"
#include "concurrent/futures/detail/state/idle_waiters.hpp"
#include "concurrent/futures/detail/state/pool_watch.hpp"
#include "concurrent/futures/errors.hpp"
#include "concurrent/futures/options.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// A thread could not be started. If there is none at all, the task would never run: it is taken back.
CONCURRENT_FUTURES_DECL void WorkerThreads::unsubmit_or_keep(Task& task, Priority priority, const std::exception& error) {
    {
        const std::lock_guard lock(pool_.mutex);
        if (pool_.workers.headcount().alive() != 0) return;
    }
    if (!pool_.queues.inbox.remove(task, priority)) return;
    note_taken();
    throw BrokenThreadPool(std::string("ThreadPoolExecutor: cannot start a worker thread: ") +
                           error.what() +
                           "; ask for fewer workers or a smaller stack_size, or raise the system's limits on threads "
                           "and memory");
}

/// For the task that was pushed last.
[[gnu::noinline]] CONCURRENT_FUTURES_DECL void WorkerThreads::bring_worker_for(Task& task, Priority priority) {
    try {
        Lock lock(pool_.mutex);
        pool_.workers.bring(lock);
    } catch (const std::exception& error) {
        unsubmit_or_keep(task, priority, error);
    }
}

/// With max_pending every task goes through the inbox, one submission at a time.
CONCURRENT_FUTURES_DECL bool WorkerThreads::submit_within_bound(Task& task, Priority priority) {
    Inbox& inbox = pool_.queues.inbox;
    Lock lock(pool_.mutex);
    bool urgent = false;
    // A worker never waits for room: it may be the one that has to make it.
    while (!current_worker() && pool_.room.is_full()) {
        if (pool_.search.is_closed()) break;
        switch (pool_.options.on_full) {
            case QueueFull::raise:
                lock.unlock();
                throw QueueFullError("ThreadPoolExecutor: " + std::to_string(pool_.options.max_pending) +
                                     " tasks are waiting, which is max_pending; submit later, or choose "
                                     "QueueFull::block or caller_runs");
            case QueueFull::caller_runs:
                pool_.room.note_waiting();  // until it begins
                lock.unlock();
                pool_.calls().submitted();
                return false;
            case QueueFull::block: pool_.room.wait(lock, std::exchange(urgent, true));
        }
    }
    if (!inbox.push(task, priority)) {
        lock.unlock();
        pool_.throw_closed();
    }
    pool_.room.note_waiting();
    try {
        pool_.workers.bring(lock);
    } catch (const std::exception& error) {
        if (lock.owns_lock()) lock.unlock();
        unsubmit_or_keep(task, priority, error);
    }
    return true;
}

// ---- the end, and waiting ------------------------------------------------------------------------

CONCURRENT_FUTURES_DECL void WorkerThreads::begin_shutdown(bool cancel_pending) {
    if (in_forked_child()) return;
    const auto go_on = [this](Lock& lock) {  // a paused pool may have no worker for what is queued
        const bool paused = pool_.workers.headcount().is_paused();
        pool_.end_pause();
        pool_.workers.wake_all();
        if (paused) pool_.bring_or_abandon(lock);
    };
    Lock lock(pool_.mutex);
    pool_.close({});
    if (!cancel_pending) return go_on(lock);
    lock.unlock();
    pool_.queues.abandon_all(nullptr, pool_.calls());
    lock.lock();
    go_on(lock);
}

CONCURRENT_FUTURES_DECL void WorkerThreads::cancel_pending() noexcept {
    if (in_forked_child()) return;
    const std::size_t cancelled = pool_.queues.abandon_all(nullptr, pool_.calls());
    const std::lock_guard lock(pool_.mutex);
    pool_.room.note_cancelled(cancelled);
    if (pool_.is_idle()) pool_.idle_waiters.notify();  // while the pool is paused, no worker does
}

CONCURRENT_FUTURES_DECL bool WorkerThreads::join(const Deadline& deadline) {
    if (in_forked_child() || is_own_thread()) return true;
    const auto all_ended = [this] { return pool_.workers.headcount().alive() == 0; };
    if (!wait_with("the end of a pool's workers", pool_.mutex, pool_.all_ended, deadline, all_ended)) return false;
    Lock lock(pool_.mutex);
    pool_.workers.join_ended(lock);
    lock.unlock();
    timer_.stop();
    return true;
}

/// A worker that looks around before it sleeps counts as idle already. What it finds is still in a queue, so the pool
/// is not idle, and the worker will lie down once more.
CONCURRENT_FUTURES_DECL bool WorkerThreads::wait_idle(const Deadline& deadline) {
    pool_.throw_if_forked();
    return pool_.idle_waiters.wait("ThreadPoolExecutor", is_own_thread(), pool_.mutex, deadline,
                                   [this] { return pool_.is_idle(); });
}

// ---- threads and numbers -------------------------------------------------------------------------

CONCURRENT_FUTURES_DECL SizedThread WorkerThreads::start_thread(WorkerThreads& pool, Worker& worker, std::size_t number) {
    const auto live = [&pool, &worker, number] {
        const ThreadTables& tables = pool.pool_;
        tables.attributes.apply();
        name_current_thread(tables.options.thread_name_prefix, number);
        const auto tell = [&](auto event) {
            if (!tables.watch) return;
            tables.watch.tell([&](Observer& observer) {
                const std::string name = tables.options.thread_name_prefix + "_" + std::to_string(number);
                (observer.*event)(tables.watch.worker_event(number, name));
            });
        };
        tell(&Observer::worker_started);
        struct Release {
            WorkerThreads& pool;
            ~Release() { pool.release(); }
        };
        const Release reference{pool};
        WorkerLoop(pool.pool_, worker).run([&] { tell(&Observer::worker_ended); });
    };
    const ThreadTables& tables = pool.pool_;
    pool.retain();  // for the thread
    try {
        if (tables.options.stack_size == 0 && tables.stack_size != 0) {
            try {
                return SizedThread(tables.stack_size, live);
            } catch (const std::system_error&) {
                // A limit on address space, such as `ulimit -v`: what the system gives to threads is less.
            }
            return SizedThread(0, live);
        }
        return SizedThread(tables.stack_size, live);
    } catch (...) {
        pool.release();
        throw;
    }
}

CONCURRENT_FUTURES_DECL WorkerThreads::Counts WorkerThreads::counts() const {
    if (in_forked_child()) return {};  // a thread of the parent may have held the mutex at the fork
    const std::lock_guard lock(pool_.mutex);
    CallCounters::Counts calls = pool_.count_calls();
    calls.submitted += pool_.queues.inbox.pushed();
    return {pool_.workers.headcount().alive(), pool_.workers.headcount().idle(), calls.pending(), calls.running(),
            calls.completed,       calls.failed,         calls.cancelled};
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
