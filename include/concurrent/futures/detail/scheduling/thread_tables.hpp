// SPDX-License-Identifier: MIT
//
// thread_tables.hpp: what the parts of a thread pool's engine share. WorkerThreads owns it; WorkerLoop works on it.
//
// Lock order: `mutex`, then the locks of the queues. User code runs without any of them.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
#include <string>
#include <utility>

#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/platform/fork_generation.hpp"
#include "concurrent/futures/detail/platform/lock_rule.hpp"
#include "concurrent/futures/detail/platform/sized_thread.hpp"
#include "concurrent/futures/detail/platform/thread_attributes.hpp"
#include "concurrent/futures/detail/scheduling/call_counters.hpp"
#include "concurrent/futures/detail/scheduling/queue_room.hpp"
#include "concurrent/futures/detail/scheduling/search_state.hpp"
#include "concurrent/futures/detail/scheduling/work_queues.hpp"
#include "concurrent/futures/detail/scheduling/worker.hpp"
#include "concurrent/futures/detail/scheduling/worker_home.hpp"
#include "concurrent/futures/detail/scheduling/workforce.hpp"
#include "concurrent/futures/detail/state/idle_waiters.hpp"
#include "concurrent/futures/detail/state/pool_watch.hpp"
#include "concurrent/futures/detail/state/without_memory.hpp"
#include "concurrent/futures/errors.hpp"
#include "concurrent/futures/options.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

struct ThreadTables final : BlockedWorkers {
    using Lock = std::unique_lock<std::mutex>;

    ThreadTables(WorkerThreads& pool, ThreadPoolOptions asked_for, Workforce::StartThread start_thread)
        : options(std::move(asked_for)),
          watch(options.observer, "threads", options.thread_name_prefix, options.max_workers,
                options.on_unhandled_exception),
          owner(pool),
          search(options.max_workers),
          room(rule, options.max_pending),
          workers(pool, *this, queues, search, options.max_workers, options.base_workers, start_thread, rule) {}
    ThreadTables(const ThreadTables&) = delete;
    ThreadTables& operator=(const ThreadTables&) = delete;

    const WorkerHome home;
    const ThreadPoolOptions options;
    /// Of each worker, in bytes. 0: what the system gives to threads.
    const std::size_t stack_size = options.stack_size != 0 ? std::size_t{options.stack_size} : stack_size_of_main();
    const PoolWatch watch;
    const ForkMark born;
    WorkerThreads& owner;
    const ThreadAttributes attributes = ThreadAttributes::of_this_thread();  // which made the pool
    CallCounters calls_of_others{CallCounters::Writers::many};
    WorkQueues queues;
    SearchState search;

    mutable std::mutex mutex;
    LockRule rule{mutex};  // WorkerThreads begins it
    // All below: guarded by the mutex.
    QueueRoom room;  // and members that say that they need no mutex
    Workforce workers;
    std::string broken;  // why, or empty
    std::condition_variable all_ended;
    std::condition_variable all_started;
    IdleWaiters idle_waiters;

    /// Where the calling thread counts what it does for this pool. `here`: its worker, or null.
    CallCounters& calls_of(Worker* here) noexcept { return here ? here->calls : calls_of_others; }
    CallCounters& calls() noexcept { return calls_of(home.current_worker(owner)); }
    CallCounters::Counts count_calls() const noexcept {
        CallCounters::Counts counts;
        calls_of_others.add_to(counts);
        for (const Worker* worker = queues.first_worker(); worker; worker = worker->next) worker->calls.add_to(counts);
        return counts;
    }

    /// With the mutex: all workers sleep, and no task waits. While the pool is paused, nobody takes the entries of
    /// cancelled tasks out of the queues, so they are counted instead.
    bool is_idle() const noexcept {
        CONCURRENT_FUTURES_ASSERT(rule.locked());
        if (!workers.headcount().all_idle()) return false;
        if (queues.empty()) return true;
        return workers.headcount().is_paused() && count_pending() == 0;
    }
    /// With the mutex. Tasks that are cancelled or begin meanwhile may count as waiting, none is left out.
    std::size_t count_pending() const noexcept {
        CONCURRENT_FUTURES_ASSERT(rule.locked());
        queues.see_spent();
        CallCounters::Counts counts = count_calls();
        counts.submitted += queues.inbox.pushed();  // last: who was counted as cancelled had been pushed before
        return counts.pending();
    }
    /// A task was cancelled whose entry is left in a queue: the pool may be idle now, if it is paused. Without the mutex.
    void note_left_behind() noexcept {
        if (!queues.is_held()) return;
        const std::lock_guard lock(mutex);
        if (is_idle()) idle_waiters.notify();
    }
    /// With the mutex: no task starts from here on, but for those that a running one waits for.
    void pause() noexcept {
        CONCURRENT_FUTURES_ASSERT(rule.locked());
        workers.set_paused(true);
        queues.hold(true);
        if (is_idle()) idle_waiters.notify();
    }
    /// With the mutex: the opposite. The caller brings workers for what is left.
    void end_pause() noexcept {
        CONCURRENT_FUTURES_ASSERT(rule.locked());
        if (!workers.headcount().is_paused()) return;
        queues.hold(false);
        workers.set_paused(false);
    }
    /// With the mutex: no more submissions. `why`: the pool is broken; empty if it is shut down.
    void close(std::string why) noexcept {
        CONCURRENT_FUTURES_ASSERT(rule.locked());
        if (broken.empty()) broken = std::move(why);
        search.close();
        queues.inbox.close();
        room.wake_all();
    }
    /// With the lock: after this there is a worker for what is queued, or it has failed. Gives up the lock.
    void bring_or_abandon(Lock& lock) {
        CONCURRENT_FUTURES_ASSERT(lock.owns_lock());
        const bool brought = workers.bring_if_tasks_left() || workers.headcount().alive() != 0;
        lock.unlock();
        if (!brought) queues.abandon_all(cannot_start(), calls());
    }
    bool is_broken() const {
        if (born.in_forked_child()) return true;
        const std::lock_guard lock(mutex);
        return !broken.empty();
    }
    // Of a worker that waits inside a task: see blocking.hpp.
    BlockingWorker::Substitute begin_block() noexcept override {
        const std::lock_guard lock(mutex);
        return workers.begin_block();
    }
    void end_block() noexcept override {
        const std::lock_guard lock(mutex);
        workers.end_block();
    }
    void watch_blocked() noexcept override {
        const std::lock_guard lock(mutex);
        workers.watch_blocked(count_calls().begun);
    }

    [[noreturn]] void throw_closed() const {
        const std::lock_guard lock(mutex);
        if (!broken.empty()) throw BrokenThreadPool(broken);
        throw ShutdownError("ThreadPoolExecutor: cannot schedule new tasks after shutdown");
    }
    void throw_if_forked() const {
        if (born.in_forked_child())
            throw BrokenThreadPool(
                "ThreadPoolExecutor: made before fork(); its threads are in the parent process. Make a "
                "new pool in the child");
    }
    static std::exception_ptr cannot_start() {
        return error_or_why_not([] {
            return BrokenThreadPool("ThreadPoolExecutor: cannot start a worker thread; ask for fewer workers or a "
                                    "smaller stack_size, or raise the system's limits on threads and memory");
        });
    }
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
