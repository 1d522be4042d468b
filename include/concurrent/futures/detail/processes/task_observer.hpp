// SPDX-License-Identifier: MIT
//
// task_observer.hpp: what a process pool tells its observer of tasks and workers.
//
//     observer.tell_submitted(task);                       // at once, without the pool's mutex
//     observer.note_end(Observation::Kind::completed, task);       // with the mutex: told later
//     observer.tell(observer.take());                      // take() with the mutex, tell() without
//
// Without an observer all of it does nothing. Times come from the worker's page, and are told when the pool learns of
// them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/platform/lock_rule.hpp"
#include "concurrent/futures/detail/processes/control_page.hpp"
#include "concurrent/futures/detail/processes/worker_link.hpp"
#include "concurrent/futures/detail/state/pool_watch.hpp"
#include "concurrent/futures/detail/state/without_memory.hpp"
#include "concurrent/futures/detail/wire/observations.hpp"
#include "concurrent/futures/detail/wire/remote_task.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class TaskObserver {
  public:
    using Kind = Observation::Kind;

    TaskObserver(std::shared_ptr<Observer> observer, std::size_t max_workers, UnhandledExceptionHook hook,
                 const LockRule& rule = LockRule::none())
        : watch_(std::move(observer), "processes", {}, max_workers, std::move(hook)), rule_(rule) {}

    /// There is an observer.
    explicit operator bool() const noexcept { return static_cast<bool>(watch_); }
    const PoolWatch& watch() const noexcept { return watch_; }

    // Any thread, without the pool's mutex.

    /// Before the task is queued, so that its start comes later.
    void tell_submitted(RemoteTask& task) noexcept {
        task.shown.id = ObservedIds::next();
        set_waiting(task, true);
        tell_of(task, [](Observer& observer, const CallEvent& call) { observer.submitted(call); });
    }
    void tell_cancelled(RemoteTask& task) noexcept {
        if (!watch_) return;
        set_waiting(task, false);
        tell_of(task, [](Observer& observer, const CallEvent& call) { observer.cancelled(call); });
    }
    template <class Event>
    void tell_of(const RemoteTask& task, Event event) const noexcept {
        if (!watch_) return;
        watch_.tell([&](Observer& observer) { event(observer, watch_.call_event(task.shown.id, task.shown_name())); });
    }
    /// What happens now, and not in a worker.
    void tell(Kind kind, const RemoteTask& task) const noexcept {
        if (!watch_) return;
        const Observation now{.kind = kind,
                              .time = monotonic_nanoseconds(),
                              .number = task.shown.id,
                              .text = text_or_why_not([&] { return std::string(task.shown_name()); })};
        now.tell(watch_);
    }
    void tell(const std::vector<Observation>& observations) const noexcept {
        for (const Observation& each : observations) each.tell(watch_);
    }

    /// The task waits to be given to a worker, or does not any more. By its owner.
    void set_waiting(RemoteTask& task, bool waits) noexcept {
        if (watch_ && std::exchange(task.shown.waits, waits) != waits) watch_.count_waiting(waits ? 1 : -1);
    }

    // With the pool's mutex.

    bool has_notes() const noexcept { return !notes_.empty(); }
    std::vector<Observation> take() noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        return notes_.take();
    }

    /// `pid` 0: not in a worker.
    void note(Kind kind, const RemoteTask& task, std::int64_t time, int pid) noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        if (!watch_) return;
        notes_.add({.kind = kind,
                    .time = time,
                    .pid = pid,
                    .number = task.shown.id,
                    .text = text_or_why_not([&] { return std::string(task.shown_name()); })});
    }
    /// This worker has started the task, which the pool hears of when the task ends.
    void note_start(RemoteTask& task, const WorkerLink& link) noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        if (!watch_) return;
        set_waiting(task, false);
        const std::int64_t now = monotonic_nanoseconds();
        const std::int64_t start = plausible_start(link.page().started(task.slot), now);
        task.shown.pid = link.process.pid();
        task.shown.ended = link.page().ended(task.slot);
        if (task.shown.ended < start || task.shown.ended > now) task.shown.ended = now;
        note(Kind::started, task, start, task.shown.pid);
    }
    /// The end of an attempt; or of a task that no worker has started.
    void note_end(Kind kind, RemoteTask& task) noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        if (!watch_) return;
        const int pid = std::exchange(task.shown.pid, 0);
        set_waiting(task, kind == Kind::retried);
        if (pid == 0)
            note(Kind::cancelled, task, monotonic_nanoseconds(), 0);
        else
            note(kind, task, task.shown.ended, pid);
    }
    void note_worker(Kind kind, const WorkerLink& link, std::string how = {}) noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        if (!watch_ || link.process.pid() <= 0) return;
        notes_.add({.kind = kind,
                    .time = monotonic_nanoseconds(),
                    .pid = link.process.pid(),
                    .number = link.number() - 1u,
                    .text = std::move(how)});
    }

  private:
    const PoolWatch watch_;
    const LockRule& rule_;
    Observations notes_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
