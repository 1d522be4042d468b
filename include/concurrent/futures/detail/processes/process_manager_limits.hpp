// SPDX-License-Identifier: MIT
//
// process_manager_limits.hpp: time limits, request_stop() and retries in ProcessManager. Included by
// process_manager.hpp, where the class and its picture are. With the lock unless said.
//
//     running, time is up ───────▶ evict(): SIGTERM ── stop_grace ──▶ SIGKILL ──▶ TaskTimeoutError, or again
//     running, asked to stop ── stop_grace ──▶ evict(): SIGKILL ───────────────▶ cancelled
//     initializer or worker_exit, time is up ──▶ end_hook(): SIGTERM ── stop_grace ──▶ SIGKILL
//     not yet at process_main(), time is up ───▶ end_start(): SIGKILL
//
// No message tells when a task starts; the control page says it when somebody looks. So the manager looks
// when the first limit can have been reached: `started + timeout` of a running task, `now + timeout` of one
// that is sent but not started, which is earlier than its limit can be.
//
// Time in which this process did not run, because it was stopped, does not count: running_time.hpp.
//
// Only the one task dies: before the signal all others of the worker are revoked and go back to the queue,
// and then the page is read again. If the task is still running then, no other one can start there; if not,
// its result is on its way and no signal is sent.
#pragma once

#include <signal.h>

#include <algorithm>

#include "concurrent/futures/detail/processes/obituary.hpp"
#include "concurrent/futures/detail/processes/process_manager.hpp"
#include "concurrent/futures/detail/state/without_memory.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// `time + length`, or never.
inline std::int64_t saturating_sum(std::int64_t time, std::int64_t length) noexcept {
    return length > TaskLimits::never - time ? TaskLimits::never : time + length;
}

/// When this task must have ended, as far as can be said now.
inline std::int64_t ProcessManager::limit_of(const WorkerLink& link, const WorkerLink::InFlight& entry,
                                             std::int64_t now) const noexcept {
    const RemoteTask& task = *entry.task;
    const SlotState state = link.page().state(task.slot, entry.id);
    if (state == SlotState::queued)  // later than now, so that nobody looks without pause
        return saturating_sum(now, std::max<std::int64_t>(task.limits.timeout, 1'000'000));
    const std::int64_t start = plausible_start(link.page().started(task.slot), now);
    const std::int64_t end =
        (std::min)(task.stop_at, saturating_sum(saturating_sum(start, entry.paused), task.limits.timeout));
    if (state == SlotState::running || end == TaskLimits::never) return end;
    // Its result is on its way, if the worker is what it should be.
    const std::int64_t pause = std::max<std::int64_t>(settings_.stop_grace.count(), 1'000'000'000);
    return saturating_sum((std::max)(end, link.heard_at), pause);
}

/// It may be in its initializer or in worker_exit, and task_timeout limits those as well.
inline bool ProcessManager::runs_hooks(const WorkerLink& link) const noexcept {
    return settings_.task_timeout && link.phase != WorkerLink::Phase::ready &&
           !(settings_.initializer.empty() && settings_.worker_exit.empty());
}

/// When the hook that this worker is running must have ended, as far as can be said now.
inline std::int64_t ProcessManager::hook_limit(const WorkerLink& link, std::int64_t now) const noexcept {
    if (!runs_hooks(link)) return TaskLimits::never;
    const std::int64_t timeout = settings_.task_timeout->count();
    const std::int64_t started = link.page().hook_started();
    // Not started: later than now, as in limit_of().
    if (started == 0) return saturating_sum(now, std::max<std::int64_t>(timeout, 1'000'000));
    return saturating_sum(saturating_sum(plausible_start(started, now), link.paused), timeout);
}

/// When a worker must have come to process_main(). What runs before, such as the constructors of static
/// objects, may be slow and honest: so there is a limit only where the user has set one, and a generous one.
inline std::int64_t ProcessManager::start_limit(const WorkerLink& link) const noexcept {
    if (!settings_.task_timeout || link.phase != WorkerLink::Phase::starting || link.page().first_peak() != 0)
        return TaskLimits::never;
    return saturating_sum(saturating_sum(link.born, link.paused),
                          (std::max)(settings_.start_limit, *settings_.task_timeout).count());
}

/// Cheap: for a look at every step.
inline bool ProcessManager::has_limit(const WorkerLink& link) const noexcept {
    return !link.ended &&
           (link.limited() != 0 || link.kill_at != TaskLimits::never || runs_hooks(link) ||
            start_limit(link) != TaskLimits::never);
}

/// The next time at which enforce_limits() may have something to do.
inline std::int64_t ProcessManager::next_limit(const WorkerLink& link,
                                               std::int64_t now) const noexcept {
    if (link.ended || link.killed) return TaskLimits::never;
    if (link.eviction || link.kill_at != TaskLimits::never) return link.kill_at;
    std::int64_t next = (std::min)(hook_limit(link, now), start_limit(link));
    if (link.limited() == 0) return next;
    for (const WorkerLink::InFlight& entry : link.table())
        if (entry.task && entry.limited && !entry.revoked)
            next = (std::min)(next, limit_of(link, entry, now));
    return next;
}

/// This process did not run for so long, which is not the fault of calls.
inline void ProcessManager::grant(std::int64_t lost) noexcept {
    for (const auto& link : links_) {
        link->paused = saturating_sum(link->paused, lost);
        link->kill_at = saturating_sum(link->kill_at, lost);
        for (WorkerLink::InFlight& entry : link->table()) {
            if (!entry.task || !entry.limited) continue;
            if (link->page().state(entry.task->slot, entry.id) != SlotState::queued)
                entry.paused = saturating_sum(entry.paused, lost);
            entry.task->stop_at = saturating_sum(entry.task->stop_at, lost);
        }
    }
}

inline void ProcessManager::enforce_limits() {
    if (const std::int64_t lost = running_time_.take_lost(); lost > 0) grant(lost);
    for (const auto& link : links_) {
        if (!has_limit(*link)) continue;
        const std::int64_t now = monotonic_nanoseconds();
        if (now < next_limit(*link, now)) continue;
        if (link->kill_at != TaskLimits::never) {
            if (!link->eviction && link->complaint.empty())
                link->complaint = link->result_fd() < 0 ? "it closed its results pipe"
                                                        : "it closed its socket for shared memory";
            link->kill();
            continue;
        }
        if (now >= hook_limit(*link, now)) {
            end_hook(*link, now);
            continue;
        }
        if (now >= start_limit(*link)) {
            end_start(*link);
            continue;
        }
        for (const WorkerLink::InFlight& entry : link->table())
            if (entry.task && entry.limited && !entry.revoked && !link->eviction &&
                now >= limit_of(*link, entry, now))
                evict(*link, *entry.task, now);
    }
}

/// Ends the worker because its initializer or worker_exit takes too long. What comes of the first is a
/// failure to start; nobody waits for the second, so that it is reported.
inline void ProcessManager::end_hook(WorkerLink& link, std::int64_t now) {
    const std::string limit = "ran longer than task_timeout, " + seconds_text(settings_.task_timeout->count());
    link.complaint = (link.initialized ? "its worker_exit " : "its initializer ") + limit;
    link.kill_at = saturating_sum(now, settings_.stop_grace.count());
    link.ask_to_end();
    if (!link.initialized) return;
    notices_.push_back({.kind = Notice::Kind::exit_failed,
                        .error = std::make_exception_ptr(TaskTimeoutError(
                            "ProcessPoolExecutor: worker_exit " + limit + ", in worker process " +
                            std::to_string(link.process.pid()) + ", which was ended"))});
}

/// Ends a worker that does not come to process_main(). One that the template has not even forked yet waits for
/// the template, and so would the next one.
inline void ProcessManager::end_start(WorkerLink& link) {
    const std::int64_t limit = (std::max)(settings_.start_limit, *settings_.task_timeout).count();
    if (link.process.pid() <= 0) {
        break_pool("ProcessPoolExecutor: the template process, which forks the workers, has not answered for " +
                   seconds_text(limit) + "; what was given to pthread_atfork() must end");
        return template_->kill();
    }
    link.complaint = "it had not come to process_main() after " + seconds_text(limit) +
                     "; what runs before that, such as the constructor of a static object, must end";
    link.kill();
}

/// Ends the worker because of this task, which it is running. If it still is.
inline void ProcessManager::evict(WorkerLink& link, const RemoteTask& task, std::int64_t now) {
    take_back_unstarted(link);
    if (link.page().state(task.slot, task.id) != SlotState::running) return evict_mute(link, task);
    const std::int64_t grace = settings_.stop_grace.count();
    if (now >= task.stop_at) {
        link.eviction = {WorkerLink::Eviction::Cause::stop, task.id};
        link.kill();
    } else {
        link.eviction = {WorkerLink::Eviction::Cause::timeout, task.id};
        observe(Observation::Kind::timed_out, task, now, link.process.pid());
        link.kill_at = saturating_sum(now, grace);
        link.ask_to_end();
    }
}

/// The worker says that the call is over, or nothing that makes sense, and does not go on with the result.
inline void ProcessManager::evict_mute(WorkerLink& link, const RemoteTask& task) {
    const std::uint64_t id = task.id;
    const std::size_t slot = task.slot;
    read_results(link);  // it may have been here for long
    const WorkerLink::InFlight* const entry = link.find(slot, id);
    const std::int64_t now = monotonic_nanoseconds();
    if (!entry || entry->revoked || now < limit_of(link, *entry, now)) return;
    link.eviction = {WorkerLink::Eviction::Cause::timeout, id};
    link.kill();
}

/// What was sent to the worker and has not started goes back to the front of the queue, in order.
inline void ProcessManager::take_back_unstarted(WorkerLink& link) {
    std::array<RemoteTask*, ControlPage::slot_count> places;
    std::size_t count = 0;
    for (const WorkerLink::InFlight& entry : link.table())
        if (entry.task && !entry.revoked && link.try_revoke(*entry.task)) places[count++] = entry.task;
    const std::span taken(places.data(), count);
    std::sort(taken.begin(), taken.end(),
              [](const RemoteTask* a, const RemoteTask* b) { return a->number > b->number; });
    for (RemoteTask* const task : taken) {
        task->retain();  // the revoked entry keeps its own reference
        put_back(*task);
    }
}

inline void ProcessManager::put_back(RemoteTask& task) {
    task.stage = RemoteTask::Stage::queued;
    task.worker = nullptr;
    set_waiting(task, true);
    queue_[task.level].push_front(task);
}

/// True: the attempt that has just failed does not count, there will be another one.
inline bool ProcessManager::retry(RemoteTask& task) {
    const bool asked_to_stop = task.stop_at != TaskLimits::never;
    if (task.limits.retries == 0 || asked_to_stop || forced_ || !broken_.empty()) return false;
    observe_end(Observation::Kind::retried, task);
    --task.limits.retries;
    ++task.failures;
    put_back(task);
    return true;
}

/// The task that its worker was ended for: has been taken from the link.
inline void ProcessManager::end_evicted(RemoteTask& task, const WorkerLink& link) {
    const WorkerLink::Eviction& eviction = *link.eviction;
    if (eviction.cause == WorkerLink::Eviction::Cause::stop) {
        task.stage = RemoteTask::Stage::revoked;
        ++cancelled_;
        observe_end(Observation::Kind::stopped, task);
        return endings_.add(task, Ending::Kind::cancelled);
    }
    if (retry(task)) return;
    const std::int64_t now = monotonic_nanoseconds();
    fail(task, error_or_why_not([&] {
             return TaskTimeoutError(
                 timeout_text({.pid = link.process.pid(),
                               .task = task_text(task.number, task.name()),
                               .elapsed = now - plausible_start(link.page().started(task.slot), now),
                               .limit = task.limits.timeout,
                               .ignored_sigterm_for = link.killed ? settings_.stop_grace.count() : -1}) +
                 attempt_text(task.failures));
         }));
}

inline void ProcessManager::fail(RemoteTask& task, std::exception_ptr error) noexcept {
    task.stage = RemoteTask::Stage::ended;
    observe_end(Observation::Kind::failed, task);
    ++failed_;
    task.ending.error = std::move(error);
    endings_.add(task, Ending::Kind::failure);
}

/// Any thread, without the lock. Asks a running task to stop. False: it is not running; it may have gone
/// back to the queue.
inline bool ProcessManager::request_stop(RemoteTask& task) {
    if (in_forked_child()) return true;  // nothing can be done from here
    {
        const std::lock_guard lock(mutex_);
        if (task.stage == RemoteTask::Stage::queued) return false;
        if (task.stage != RemoteTask::Stage::sent || task.stop_at != TaskLimits::never) return true;
        WorkerLink::InFlight* const entry = task.worker->find(task.slot, task.id);
        if (!entry) return true;
        task.stop_at = saturating_sum(monotonic_nanoseconds(), settings_.stop_grace.count());
        task.worker->limit(*entry);
        task.worker->page().ask_to_stop(task.id);
        // relaxed: read under the mutex where it matters.
        news_.store(true, std::memory_order_relaxed);
    }
    wake();
    return true;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
