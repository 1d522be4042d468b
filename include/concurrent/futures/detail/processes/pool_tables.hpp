// SPDX-License-Identifier: MIT
//
// pool_tables.hpp: what the parts of a process pool's engine share, and what may become of a task in it.
//
// `mutex` guards the members, and `rule` asserts it. The exceptions, which need no mutex: `settings`; `signal`, as manager_signal.hpp says;
// SubmissionQueue::intake; TaskObserver::watch() and its tell functions; the deliveries
// of CompletionQueue. The parts that work on the tables hold a reference to them: ResultReader, WorkerDeaths,
// DeadlineEnforcer, Dispatcher, DirectPath, IdleWait, WorkerEvents, SubmissionRoom, Cancellation and PoolControl.
// ProcessManager owns these parts and the thread.
//
// Every task ends on every path: its result is delivered, or its worker dies, or the pool breaks, or it is cancelled. So
// that this cannot fail, moving a task from one place to another allocates nothing: links and outcome are in the task.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
#include <string>
#include <utility>

#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/platform/lock_rule.hpp"
#include "concurrent/futures/detail/processes/completion_queue.hpp"
#include "concurrent/futures/detail/processes/manager_signal.hpp"
#include "concurrent/futures/detail/processes/obituary.hpp"
#include "concurrent/futures/detail/processes/pool_memory.hpp"
#include "concurrent/futures/detail/processes/process_settings.hpp"
#include "concurrent/futures/detail/processes/restart_budget.hpp"
#include "concurrent/futures/detail/processes/task_observer.hpp"
#include "concurrent/futures/detail/processes/worker_set.hpp"
#include "concurrent/futures/detail/state/without_memory.hpp"
#include "concurrent/futures/detail/wire/submission_queue.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

struct PoolTables {
    using Lock = std::unique_lock<std::mutex>;

    PoolTables(ProcessSettings asked_for, ProcessTreeShare share)
        : settings(std::move(asked_for)),
          observer(settings.observer, settings.max_workers, settings.hook, rule),
          completions(rule, observer, settings.hook),
          workers(settings, std::move(share), rule) {}
    PoolTables(const PoolTables&) = delete;
    PoolTables& operator=(const PoolTables&) = delete;

    const ProcessSettings settings;
    mutable std::mutex mutex;
    /// Of the mutex and the manager thread. Begins to apply when that starts.
    LockRule rule{mutex};
    ManagerSignal signal{rule};
    TaskObserver observer;
    SubmissionQueue queue{rule};
    CompletionQueue completions;
    PoolMemory memory;  // outlives the workers, which refer to it
    WorkerSet workers;
    RestartBudget budget;
    bool closed = false;  // no more submissions
    bool paused = false;  // no queued task is sent
    std::size_t waits_for_all_workers = 0;  // calls of start_workers(); while above 0, max_workers are started
    std::string start_failure;              // of such a start: why the last one failed
    bool forced = false;  // workers are being ended by a signal: start no more
    std::string broken;   // why, or empty
    std::condition_variable room;  // in the queue, or the pool has closed

    // All below with the mutex.

    bool is_broken() const noexcept { return !broken.empty(); }
    bool is_closed() const noexcept { return closed; }
    /// For submit, if max_pending is not 0.
    bool is_full() const noexcept { return queue.waiting() >= settings.max_pending; }
    bool may_start_workers() const noexcept { return !forced && !is_broken(); }
    /// idle_timeout ends none of the workers, because there are no more than base_workers, or all are wanted.
    bool keeps_idle_workers() const noexcept {
        if (!settings.idle_timeout || waits_for_all_workers != 0) return true;
        std::size_t open = 0;
        for (const auto& link : workers)
            if (link->life.is_open()) ++open;
        return open <= settings.base_workers;
    }
    /// The pool is shut down, no task is queued, and there are no workers.
    bool is_finished() const noexcept {
        CONCURRENT_FUTURES_ASSERT(rule.locked());
        return closed && workers.empty() && queue.size() == 0;
    }
    void throw_if_closed() const {
        CONCURRENT_FUTURES_ASSERT(rule.locked());
        if (is_broken()) throw BrokenProcessPool(broken);
        if (closed) throw ShutdownError("ProcessPoolExecutor: cannot schedule new tasks after shutdown");
    }
    /// The first task that is still wanted, which leaves the queue; null if there is none.
    RemoteTask* next_queued() {
        return queue.next([this](RemoteTask& cancelled) { completions.release(cancelled); });
    }

    // What may become of a task.

    /// It goes back to the front of the queue.
    void put_back(RemoteTask& task) noexcept {
        CONCURRENT_FUTURES_ASSERT(rule.locked());
        observer.set_waiting(task, true);
        queue.put_back(task);
    }
    /// True: the task goes back to the queue for another attempt.
    bool retry(RemoteTask& task) noexcept {
        CONCURRENT_FUTURES_ASSERT(rule.locked());
        const bool asked_to_stop = task.stop_at != TaskLimits::never;
        if (task.limits.retries == 0 || asked_to_stop || !may_start_workers()) return false;
        --task.limits.retries;
        try_again(task);
        return true;
    }
    /// As retry(), also if the task has no retry left.
    void try_again(RemoteTask& task) noexcept {
        observer.note_end(Observation::Kind::retried, task);
        ++task.failures;
        put_back(task);
    }
    void fail(RemoteTask& task, std::exception_ptr error) noexcept {
        CONCURRENT_FUTURES_ASSERT(rule.locked());
        task.stage = RemoteTask::Stage::ended;
        observer.note_end(Observation::Kind::failed, task);
        ++completions.counts().failed;
        task.ending.error = std::move(error);
        completions.end(task, Ending::Kind::failure);
    }
    /// Ends the task for which its worker was stopped; the task was taken from the worker before.
    void end_evicted(RemoteTask& task, const WorkerLink& link) noexcept;
    /// Fails all tasks; submit() throws from here on.
    void break_pool(std::string reason) noexcept;
};

inline void PoolTables::end_evicted(RemoteTask& task, const WorkerLink& link) noexcept {
    if (link.life.eviction()->cause == WorkerLife::Eviction::Cause::stop) {
        task.stage = RemoteTask::Stage::revoked;
        ++completions.counts().cancelled;
        observer.note_end(Observation::Kind::stopped, task);
        return completions.end(task, Ending::Kind::cancelled);
    }
    if (retry(task)) return;
    const std::int64_t now = monotonic_nanoseconds();
    fail(task, error_or_why_not([&] {
             return TaskTimeoutError(
                 timeout_text({.pid = link.process.pid(),
                               .task = task_text(task.number, task.name()),
                               .elapsed = now - plausible_start(link.page().started(task.slot), now),
                               .limit = task.limits.timeout,
                               .ignored_sigterm_for = link.life.is_killed() ? settings.stop_grace.count() : -1}) +
                 attempt_text(task.failures));
         }));
}

inline void PoolTables::break_pool(std::string reason) noexcept {
    CONCURRENT_FUTURES_ASSERT(rule.locked());
    if (is_broken()) return;
    broken = std::move(reason);
    forced = true;
    queue.close();
    room.notify_all();
    // One exception object for each task, so that no two threads share one.
    const auto fail_as_broken = [&](RemoteTask& task) {
        fail(task, error_or_why_not([&] { return BrokenProcessPool(broken); }));
    };
    while (RemoteTask* const task = next_queued()) fail_as_broken(*task);
    for (const auto& link : workers) {
        for (InFlight& entry : link->tasks.table()) {
            if (!entry.task) continue;
            const bool revoked = entry.revoked;
            const std::uint64_t entry_id = entry.id;
            RemoteTask* const task = link->tasks.take(entry);
            // Cancelled, or taken back and with another worker or in the queue by now.
            if (revoked || task->stage != RemoteTask::Stage::sent) {
                completions.release(*task);
                continue;
            }
            if (link->page().state(task->slot, entry_id) != SlotState::sent) observer.note_start(*task, *link);
            fail_as_broken(*task);
        }
        if (!link->life.has_exited()) link->kill();
    }
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
