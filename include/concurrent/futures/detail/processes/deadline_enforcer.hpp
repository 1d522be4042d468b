// SPDX-License-Identifier: MIT
//
// deadline_enforcer.hpp: here a time limit or request_stop() of a task in a process pool is enforced.
//
//     running, time is up ───────▶ evict(): SIGTERM ── stop_grace ──▶ SIGKILL ──▶ TaskTimeoutError, or again
//     running, asked to stop ── stop_grace ──▶ evict(): SIGKILL ───────────────▶ cancelled
//     initializer or worker_exit, time is up ──▶ end_hook(): SIGTERM ── stop_grace ──▶ SIGKILL
//     not yet at process_main(), time is up ───▶ end_start(): SIGKILL
//
//     over, but no result, time is up ─────▶ wait_for_late_result_or_kill(): SIGKILL ──▶ TaskTimeoutError, or again
//
// "Or again": the task is retried if it has a retry left. deadline_policy.hpp computes the times. Time in which this
// process did not run, because it was stopped, does not count: running_time.hpp.
//
// Only the one task ends. Before the signal, all other tasks that were sent to the worker and have not started are
// revoked and go back to the queue. Then the page is read again. If the task still runs, no other task can start there.
// If it does not, its result should be on its way: the worker gets a moment to send it (at least a second), and is killed
// if nothing comes. Before process_main() SIGKILL takes the place of SIGTERM (WorkerLink::ask_to_end()).
// Threads: with the pool's mutex; enforce() in the manager thread.
#pragma once

#include <signal.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <exception>
#include <span>
#include <string>

#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/processes/deadline_policy.hpp"
#include "concurrent/futures/detail/processes/obituary.hpp"
#include "concurrent/futures/detail/processes/pool_tables.hpp"
#include "concurrent/futures/detail/processes/result_reader.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class DeadlineEnforcer {
  public:
    DeadlineEnforcer(PoolTables& pool, ResultReader& reader) noexcept
        : pool_(pool),
          reader_(reader),
          has_hooks_(!(pool.settings.initializer.empty() && pool.settings.worker_exit.empty())),
          policy_{pool.settings.default_timeout(),
                  pool.settings.task_timeout
                      ? (std::max)(pool.settings.start_limit, *pool.settings.task_timeout).count()
                      : TaskLimits::never,
                  pool.settings.stop_grace.count()} {}

    /// Ends what is over its time. `lost`: nanoseconds in which this process did not run.
    void enforce(std::int64_t lost) {
        CONCURRENT_FUTURES_ASSERT(pool_.rule.writable());
        if (lost > 0) grant(lost);
        for (const auto& link : pool_.workers)
            if (has_deadline(*link)) enforce_on(*link);
    }
    /// Cheap: for a look at every step.
    bool has_deadline(const WorkerLink& link) const noexcept {
        return !link.life.has_exited() &&
               (link.tasks.limited() != 0 || link.life.kill_at() != TaskLimits::never || runs_hooks(link) ||
                is_before_main(link));
    }
    /// The next time at which enforce() may have something to do.
    std::int64_t next(const WorkerLink& link, std::int64_t now) const noexcept;
    /// Asks a running task to stop. False: it is not running; it may have gone back to the queue.
    bool request_stop(RemoteTask& task) {
        CONCURRENT_FUTURES_ASSERT(pool_.rule.locked());
        if (task.stage == RemoteTask::Stage::queued) return false;
        if (task.stage != RemoteTask::Stage::sent || task.stop_at != TaskLimits::never) return true;
        InFlight* const entry = task.worker->tasks.find(task.slot, task.id);
        if (!entry) return true;
        task.stop_at = planned_time(monotonic_nanoseconds(), policy_.stop_grace);
        task.worker->tasks.limit(*entry);
        task.worker->page().ask_to_stop(task.id);
        pool_.signal.note_news();
        return true;
    }

  private:
    std::int64_t task_deadline(const WorkerLink& link, const InFlight& entry,
                               std::int64_t now) const noexcept {
        const RemoteTask& task = *entry.task;
        return policy_.of_task({link.page().state(task.slot, entry.id), link.page().started(task.slot), entry.paused,
                                task.limits.timeout, task.stop_at, link.heard_at},
                               now);
    }
    /// It may be in its initializer or in worker_exit, and task_timeout limits those as well.
    bool runs_hooks(const WorkerLink& link) const noexcept {
        return policy_.hook_timeout != TaskLimits::never && has_hooks_ && !link.life.is_ready();
    }
    bool is_before_main(const WorkerLink& link) const noexcept {
        return policy_.start_timeout != TaskLimits::never && link.life.is_starting() && link.page().first_peak() == 0;
    }
    WorkerTimes times_of(const WorkerLink& link) const noexcept {
        return {runs_hooks(link), link.page().hook_started(), is_before_main(link), link.born, link.paused};
    }
    static bool may_be_evicted(const InFlight& entry) noexcept {
        return entry.task && entry.limited && !entry.revoked;
    }
    void enforce_on(WorkerLink& link);
    void grant(std::int64_t lost) noexcept;
    void end_hook(WorkerLink& link, std::int64_t now);
    void end_start(WorkerLink& link);
    void evict(WorkerLink& link, const RemoteTask& task, std::int64_t now);
    void wait_for_late_result_or_kill(WorkerLink& link, const RemoteTask& task);
    void take_back_unstarted(WorkerLink& link);

    PoolTables& pool_;
    ResultReader& reader_;
    const bool has_hooks_;
    const DeadlinePolicy policy_;
};

inline std::int64_t DeadlineEnforcer::next(const WorkerLink& link, std::int64_t now) const noexcept {
    if (link.life.has_exited() || link.life.is_killed()) return TaskLimits::never;
    if (link.life.is_dying()) return link.life.kill_at();
    const WorkerTimes times = times_of(link);
    std::int64_t next = (std::min)(policy_.of_hook(times, now), policy_.of_start(times));
    if (link.tasks.limited() == 0) return next;
    for (const InFlight& entry : link.tasks.table())
        if (may_be_evicted(entry)) next = (std::min)(next, task_deadline(link, entry, now));
    return next;
}

/// Gives all tasks the time in which this process did not run.
inline void DeadlineEnforcer::grant(std::int64_t lost) noexcept {
    for (const auto& link : pool_.workers) {
        link->paused = saturating_sum(link->paused, lost);
        if (link->life.kill_at() != TaskLimits::never) link->life.force_at(planned_time(link->life.kill_at(), lost));
        for (InFlight& entry : link->tasks.table()) {
            if (!entry.task || !entry.limited) continue;
            if (link->page().state(entry.task->slot, entry.id) != SlotState::sent)
                entry.paused = saturating_sum(entry.paused, lost);
            std::int64_t& stop_at = entry.task->stop_at;
            if (stop_at != TaskLimits::never) stop_at = planned_time(stop_at, lost);
        }
    }
}

inline void DeadlineEnforcer::enforce_on(WorkerLink& link) {
    const std::int64_t now = monotonic_nanoseconds();
    if (now < next(link, now)) return;
    if (link.life.kill_at() != TaskLimits::never) {
        if (!link.life.eviction())
            link.life.complain(link.pipes().result_fd() < 0 ? "it closed its results pipe"
                                                    : "it closed its socket for shared memory");
        return link.kill();
    }
    const WorkerTimes times = times_of(link);
    if (now >= policy_.of_hook(times, now)) return end_hook(link, now);
    if (now >= policy_.of_start(times)) return end_start(link);
    for (const InFlight& entry : link.tasks.table())
        if (may_be_evicted(entry) && !link.life.eviction() && now >= task_deadline(link, entry, now))
            evict(link, *entry.task, now);
}

/// Ends the worker because its initializer or worker_exit takes too long. The first is a failure to start; no task is
/// told of the second, so it is reported.
inline void DeadlineEnforcer::end_hook(WorkerLink& link, std::int64_t now) {
    const std::string limit = "ran longer than task_timeout, " + seconds_text(policy_.hook_timeout);
    const bool is_exit = link.life.is_initialized();
    link.life.complain_instead((is_exit ? "its worker_exit " : "its initializer ") + limit);
    link.life.force_at(planned_time(now, policy_.stop_grace));
    link.ask_to_end();
    if (!is_exit) return;
    pool_.completions.add({.kind = CompletionQueue::Notice::Kind::exit_failed,
                           .error = std::make_exception_ptr(TaskTimeoutError(
                               "ProcessPoolExecutor: worker_exit " + limit + ", in worker process " +
                               std::to_string(link.process.pid()) + ", which was ended"))});
}

/// Ends a worker that does not come to process_main(). One that the template has not even forked yet waits for
/// the template, and so would the next one.
inline void DeadlineEnforcer::end_start(WorkerLink& link) {
    const std::string limit = seconds_text(policy_.start_timeout);
    if (link.process.pid() <= 0) {
        pool_.break_pool("ProcessPoolExecutor: the template process, which forks the workers, has not answered for " +
                         limit + "; what was given to pthread_atfork() must end");
        return pool_.workers.kill_template();
    }
    link.life.complain_instead("it had not come to process_main() after " + limit +
                               "; what runs before that, such as the constructor of a static object, must end");
    link.kill();
}

/// Ends the worker because of this task, if it still runs it.
inline void DeadlineEnforcer::evict(WorkerLink& link, const RemoteTask& task, std::int64_t now) {
    take_back_unstarted(link);
    if (link.page().state(task.slot, task.id) != SlotState::running) return wait_for_late_result_or_kill(link, task);
    if (now >= task.stop_at) {
        link.life.evict(WorkerLife::Eviction::Cause::stop, task.id);
        link.kill();
    } else {
        link.life.evict(WorkerLife::Eviction::Cause::timeout, task.id);
        pool_.observer.note(Observation::Kind::timed_out, task, now, link.process.pid());
        link.life.force_at(planned_time(now, policy_.stop_grace));
        link.ask_to_end();
    }
}

/// The page does not say "running" any more. Waits for the result of the task, which may be on its way, and kills the
/// worker if it does not come in time.
inline void DeadlineEnforcer::wait_for_late_result_or_kill(WorkerLink& link, const RemoteTask& task) {
    const std::uint64_t id = task.id;
    const std::size_t slot = task.slot;
    reader_.read(link);  // it may have been here for long
    const InFlight* const entry = link.tasks.find(slot, id);
    const std::int64_t now = monotonic_nanoseconds();
    if (!entry || entry->revoked || now < task_deadline(link, *entry, now)) return;
    const bool was_asked_to_stop = now >= entry->task->stop_at;
    link.life.evict(was_asked_to_stop ? WorkerLife::Eviction::Cause::stop : WorkerLife::Eviction::Cause::timeout, id);
    link.kill();
}

/// What was sent to the worker and has not started goes back to the front of the queue, in order.
inline void DeadlineEnforcer::take_back_unstarted(WorkerLink& link) {
    std::array<RemoteTask*, ControlPage::slot_count> places;
    std::size_t count = 0;
    for (const InFlight& entry : link.tasks.table())
        if (entry.task && !entry.revoked && link.try_revoke(*entry.task)) places[count++] = entry.task;
    const std::span taken(places.data(), count);
    std::sort(taken.begin(), taken.end(),
              [](const RemoteTask* a, const RemoteTask* b) { return a->number > b->number; });
    for (RemoteTask* const task : taken) {
        task->retain();  // the revoked entry keeps its own reference
        pool_.put_back(*task);
    }
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
