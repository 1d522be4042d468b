// SPDX-License-Identifier: MIT
//
// mpi_observer.hpp: what MPI pools tell their observers of tasks and workers. Without an observer all of it does nothing.
//
// The root hears of a task when it has ended. What happened to the task is noted in the task, with the engine's mutex, and
// told without, before its future is done. Ranks have clocks of their own, so only the duration of a task is theirs. On the
// root's clock a task starts when it was sent or when the one before it on its lane ended, whichever is later.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "concurrent/futures/detail/mpi/mpi_task.hpp"
#include "concurrent/futures/detail/mpi/root_lane.hpp"
#include "concurrent/futures/detail/mpi/root_peers.hpp"
#include "concurrent/futures/detail/platform/monotonic_clock.hpp"
#include "concurrent/futures/detail/state/pool_watch.hpp"
#include "concurrent/futures/detail/state/without_memory.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class MpiObserver {
  public:
    using Kind = Observation::Kind;

    // Any thread, without the mutex.

    /// Before the task is queued.
    static void tell_submitted(const PoolWatch& watch, MpiTask& task) {
        task.observed = std::make_unique<Observations>();
        task.watched_by = &watch;
        task.shown.id = ObservedIds::next();
        set_waiting(task, true);
        watch.tell([&](Observer& observer) { observer.submitted(watch.call_event(task.shown.id, task.shown_name())); });
    }
    /// What was noted. By the thread that is about to end the task.
    static void tell(MpiTask& task) noexcept {
        if (!task.watched_by) return;
        for (const Observation& each : task.observed->take()) each.tell(*task.watched_by);
    }
    /// As tell(), of a task that will not run.
    static void tell_cancelled(MpiTask& task) noexcept {
        if (!task.watched_by) return;
        tell(task);
        set_waiting(task, false);
        const PoolWatch& watch = *task.watched_by;
        watch.tell([&](Observer& observer) { observer.cancelled(watch.call_event(task.shown.id, task.shown_name())); });
    }
    static void tell_worker(const PoolWatch& watch, const RootPeer& peer, std::size_t worker, bool started) noexcept {
        const std::string name = text_or_why_not([&] {
            return "rank " + std::to_string(peer.rank) + " on " + peer.card.host_name() + ", process " +
                   std::to_string(peer.card.pid);
        });
        watch.tell([&](Observer& observer) {
            const WorkerEvent event =
                watch.worker_event(worker, name, std::chrono::steady_clock::now(), peer.pid());
            started ? observer.worker_started(event) : observer.worker_ended(event);
        });
    }

    // By the task's owner, with the mutex if it is the engine.

    /// The task waits to be sent, or does not any more.
    static void set_waiting(MpiTask& task, bool waits) noexcept {
        if (task.watched_by && std::exchange(task.shown.waits, waits) != waits)
            task.watched_by->count_waiting(waits ? 1 : -1);
    }
    static void note_sent(MpiTask& task) noexcept {
        if (!task.watched_by) return;
        task.sent_at = monotonic_nanoseconds();
        set_waiting(task, false);
    }
    /// `lane`: null: it does not run on a rank.
    static void note(MpiTask& task, Kind kind, std::int64_t time, const RootLane* lane) noexcept {
        if (!task.watched_by) return;
        task.observed->add({.kind = kind,
                            .time = time,
                            .pid = lane ? lane->peer.pid() : 0,
                            .number = task.shown.id,
                            .text = text_or_why_not([&] { return std::string(task.shown_name()); }),
                            .worker = lane ? lane->worker : 0});
    }
    /// An attempt has ended. `took`: nanoseconds; the largest number is that, or more.
    static void note_run(RootLane& lane, MpiTask& task, std::int64_t took, Kind end) noexcept {
        if (!task.watched_by) return;
        const std::int64_t now = monotonic_nanoseconds();
        const std::int64_t start = (std::max)(lane.last_end, task.sent_at);
        constexpr std::int64_t longest = (std::numeric_limits<std::uint32_t>::max)();
        lane.last_end = took == longest || took > now - start ? now : start + took;
        note(task, Kind::started, start, &lane);
        note(task, end, lane.last_end, &lane);
    }
    /// The pool failed the task before a rank ran it.
    static void note_not_run(MpiTask& task) noexcept {
        if (!task.watched_by) return;
        set_waiting(task, false);
        note(task, Kind::cancelled, monotonic_nanoseconds(), nullptr);
    }
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
