// SPDX-License-Identifier: MIT
//
// mpi_hub_observed.hpp: what MpiHub tells the observer of a pool. Included by mpi_hub.hpp, where the class and its
// picture are. All of it does nothing without an observer.
//
// The root hears of a task when it has ended. What happened to the task is noted in the task, with the hub's mutex, and
// told without, before its future is done. Ranks have clocks of their own, so only the duration of a task is theirs. On the
// root's clock a task starts when it was sent or when the one before it on its worker ended, whichever is later.
#pragma once

#include <algorithm>
#include <limits>
#include <string>

#include "concurrent/futures/detail/mpi/mpi_hub.hpp"
#include "concurrent/futures/detail/state/without_memory.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

inline void MpiHub::submit(MpiPool& pool, MpiTask& task, Priority priority) {
    if (!pool.watch_) return submit_unwatched(pool, task, priority);
    task.observed = std::make_unique<Observations>();
    task.watched_by = &pool;
    task.shown.id = ObservedIds::next();
    set_waiting(task, true);
    pool.watch_.tell([&](Observer& observer) {
        observer.submitted(pool.watch_.call_event(task.shown.id, task.shown_name()));
    });
    try {
        submit_unwatched(pool, task, priority);
    } catch (...) {
        tell_cancelled(task);
        throw;
    }
}

/// It waits to be sent, or does not any more.
inline void MpiHub::set_waiting(MpiTask& task, bool waits) noexcept {
    if (task.watched_by && std::exchange(task.shown.waits, waits) != waits)
        task.watched_by->watch_.count_waiting(waits ? 1 : -1);
}

/// By the thread that is about to end the task, without the lock.
inline void MpiHub::tell(MpiTask& task) noexcept {
    if (!task.watched_by) return;
    for (const Observation& each : task.observed->take()) each.tell(task.watched_by->watch_);
}

/// As tell(), of a task that will not run.
inline void MpiHub::tell_cancelled(MpiTask& task) noexcept {
    if (!task.watched_by) return;
    tell(task);
    set_waiting(task, false);
    const PoolWatch& watch = task.watched_by->watch_;
    watch.tell([&](Observer& observer) { observer.cancelled(watch.call_event(task.shown.id, task.shown_name())); });
}

/// `lane`: null: it does not run on a rank.
inline void MpiHub::observe(MpiTask& task, Observation::Kind kind, std::int64_t time, const RootLane* lane) noexcept {
    if (!task.watched_by) return;
    task.observed->add({.kind = kind,
                        .time = time,
                        .pid = lane ? static_cast<int>(port_->card(lane->peer->place).pid) : 0,
                        .number = task.shown.id,
                        .text = text_or_why_not([&] { return std::string(task.shown_name()); }),
                        .worker = lane ? worker_number(*lane) : 0});
}

/// An attempt has ended. `took`: nanoseconds; the largest number is that, or more.
inline void MpiHub::observe_run(RootLane& lane, MpiTask& task, std::int64_t took, Observation::Kind end) noexcept {
    if (!task.watched_by) return;
    const std::int64_t now = monotonic_nanoseconds();
    const std::int64_t start = (std::max)(lane.last_end, task.sent_at);
    constexpr std::int64_t longest = (std::numeric_limits<std::uint32_t>::max)();
    lane.last_end = took == longest || took > now - start ? now : start + took;
    observe(task, Observation::Kind::started, start, &lane);
    observe(task, end, lane.last_end, &lane);
}

/// To be told by the engine, before what comes later.
inline void MpiHub::observe_worker(const MpiPool& pool, const RootLane& lane, Notice::Kind kind) noexcept {
    if (!pool.watch_) return;
    try {
        for (const auto& each : pools_)
            if (each.get() == &pool)
                notices_.push_back({.kind = kind, .pool = each, .peer = lane.peer, .worker = worker_number(lane)});
    } catch (...) {  // no memory: it is not told
    }
}

inline void MpiHub::tell_of_worker(const Notice& notice) const noexcept {
    const RankCard& card = port_->card(notice.peer->place);
    const std::string name = text_or_why_not([&] {
        return "rank " + std::to_string(notice.peer->rank) + " on " + card.host_name() + ", process " + std::to_string(card.pid);
    });
    const PoolWatch& watch = notice.pool->watch_;
    watch.tell([&](Observer& observer) {
        const WorkerEvent event =
            watch.worker_event(notice.worker, name, std::chrono::steady_clock::now(), static_cast<int>(card.pid));
        notice.kind == Notice::Kind::worker_started ? observer.worker_started(event) : observer.worker_ended(event);
    });
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
