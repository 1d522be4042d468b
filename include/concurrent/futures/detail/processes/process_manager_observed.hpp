// SPDX-License-Identifier: MIT
//
// process_manager_observed.hpp: what ProcessManager tells the observer of its pool. Included by process_manager.hpp,
// where the class and its picture are. All of it does nothing without an observer.
#pragma once

#include <algorithm>
#include <string>

#include "concurrent/futures/detail/processes/process_manager.hpp"
#include "concurrent/futures/detail/state/without_memory.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Before the task is queued, so that its start comes later.
inline void ProcessManager::submit_watched(RemoteTask& task, Priority priority) {
    task.shown.id = ObservedIds::next();
    set_waiting(task, true);
    watch_.tell([&](Observer& observer) { observer.submitted(watch_.call_event(task.shown.id, task.shown_name())); });
    try {
        submit_unwatched(task, priority);
    } catch (...) {
        tell_cancelled(task);
        throw;
    }
}

/// Any thread, without the lock.
inline void ProcessManager::tell_cancelled(RemoteTask& task) noexcept {
    if (!watch_) return;
    set_waiting(task, false);
    watch_.tell([&](Observer& observer) { observer.cancelled(watch_.call_event(task.shown.id, task.shown_name())); });
}

/// It waits to be given to a worker, or does not any more.
inline void ProcessManager::set_waiting(RemoteTask& task, bool waits) noexcept {
    if (watch_ && std::exchange(task.shown.waits, waits) != waits) watch_.count_waiting(waits ? 1 : -1);
}

/// With the lock, as all below. `pid` 0: not in a worker.
inline void ProcessManager::observe(Observation::Kind kind, const RemoteTask& task, std::int64_t time, int pid) noexcept {
    if (!watch_) return;
    observations_.add({.kind = kind,
                       .time = time,
                       .pid = pid,
                       .number = task.shown.id,
                       .text = text_or_why_not([&] { return std::string(task.shown_name()); })});
}

/// This worker has started the task, which is heard of when that ends.
inline void ProcessManager::observe_start(RemoteTask& task, const WorkerLink& link) noexcept {
    if (!watch_) return;
    set_waiting(task, false);
    const std::int64_t now = monotonic_nanoseconds();
    const std::int64_t start = plausible_start(link.page().started(task.slot), now);
    task.shown.pid = link.process.pid();
    task.shown.ended = link.page().ended(task.slot);
    if (task.shown.ended < start || task.shown.ended > now) task.shown.ended = now;
    observe(Observation::Kind::started, task, start, task.shown.pid);
}

/// The end of an attempt; or of a task that no worker has started.
inline void ProcessManager::observe_end(Observation::Kind kind, RemoteTask& task) noexcept {
    if (!watch_) return;
    const int pid = std::exchange(task.shown.pid, 0);
    set_waiting(task, kind == Observation::Kind::retried);
    if (pid == 0)
        observe(Observation::Kind::cancelled, task, monotonic_nanoseconds(), 0);
    else
        observe(kind, task, task.shown.ended, pid);
}

inline void ProcessManager::observe_worker(Observation::Kind kind, const WorkerLink& link, std::string how) noexcept {
    if (!watch_ || link.process.pid() <= 0) return;
    observations_.add({.kind = kind,
                       .time = monotonic_nanoseconds(),
                       .pid = link.process.pid(),
                       .number = link.number() - 1u,
                       .text = std::move(how)});
}

/// Any thread, without the lock.
inline void ProcessManager::tell_observations() noexcept {
    if (!watch_) return;
    std::vector<Observation> told;
    {
        const std::lock_guard lock(mutex_);
        told = observations_.take();
    }
    for (const Observation& each : told) each.tell(watch_);
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
