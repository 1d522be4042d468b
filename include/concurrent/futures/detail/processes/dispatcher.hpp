// SPDX-License-Identifier: MIT
//
// dispatcher.hpp: gives the waiting tasks of a process pool to workers, and tells workers that are not needed any more
// to leave.
//
//     missing = dispatcher.missing_workers();
//     dispatcher.dispatch(missing);           // the queue → workers
//     dispatcher.balance();                   // from behind a running task, or from a worker that starts → one with nothing to do
//     dispatcher.stop_unneeded();
//
// How many tasks a worker may have, dispatch_policy.hpp computes. Threads: the manager thread, with the pool's mutex; is_idle() and
// give() any thread, with it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <utility>

#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/detail/processes/dispatch_policy.hpp"
#include "concurrent/futures/detail/processes/pool_tables.hpp"
#include "concurrent/futures/detail/processes/result_reader.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class Dispatcher {
  public:
    using Time = std::chrono::steady_clock::time_point;

    Dispatcher(PoolTables& pool, ResultReader& reader) noexcept
        : pool_(pool), reader_(reader), policy_{pool.settings.max_workers, pool.settings.max_tasks_per_child} {}

    /// How many workers to start now.
    std::size_t missing_workers() const noexcept;
    /// No worker is started before this time, because the last one could not be.
    void start_again_at(Time time) noexcept { start_again_ = time; }
    const std::optional<Time>& start_again() const noexcept { return start_again_; }

    /// Gives waiting tasks to workers. `coming`: workers that are about to be started, and get their part later.
    void dispatch(std::size_t coming);
    /// A task that waits behind another one while a worker has nothing to do is taken back and given to that worker;
    /// the oldest first, so that tasks start in the order of submission.
    void balance();
    /// While the pool shuts down, a worker leaves when no task waits, neither in the queue nor behind another task, where
    /// balance() would take it from.
    void stop_unneeded();
    /// Hands over what the workers' rings take.
    void flush() noexcept {
        CONCURRENT_FUTURES_ASSERT(pool_.rule.writable());
        for (const auto& link : pool_.workers) {
            try {
                link->flush();
            } catch (const std::exception& error) {
                reader_.distrust(*link, error);
            }
        }
    }

    // For a thread that gives a task itself, see direct_path.hpp.

    /// It has nothing to do and may have a task.
    bool is_idle(const WorkerLink& link) const noexcept { return link.tasks.in_flight() == 0 && may_take_more(link); }
    /// Gives it the task, which goes back to the queue when that throws.
    void give(WorkerLink& link, RemoteTask& task) {
        CONCURRENT_FUTURES_ASSERT(pool_.rule.locked() && link.life.is_open());
        task.id = ++last_id_;
        try {
            link.give(task);
            pool_.observer.set_waiting(task, false);
        } catch (...) {
            pool_.put_back(task);
            throw;
        }
    }

  private:
    static WorkerLoad load_of(const WorkerLink& link) noexcept {
        return {link.life.is_open(), link.life.is_ready(), link.life.is_dying(), link.tasks.in_flight(),
                link.tasks.wanted(),       link.pace.credits(),  link.tasks.given()};
    }
    bool may_take_more(const WorkerLink& link) const noexcept {
        return link.life.is_ready() && policy_.may_take_more(load_of(link), share_);
    }
    /// While no worker is ready, one that starts gets its first task together with its configuration: then it need not say
    /// that it is ready, and wait for the answer. A large task would be copied once more.
    static bool may_take_first(const WorkerLink& link, const RemoteTask& task) noexcept {
        return link.life.is_starting() && !link.life.is_dying() && link.tasks.in_flight() == 0 &&
               !task.call().is_stored() && task.call().size() <= tuning::copied_calls;
    }
    /// So many tasks of a worker wait behind nothing.
    static std::size_t first_tasks(const WorkerLink& link) noexcept { return link.life.is_starting() ? 0 : 1; }
    std::size_t unstarted() const noexcept;
    std::size_t fair_share(std::size_t coming) const noexcept;
    class LeastLoaded;
    WorkerLink* choose_starting(const RemoteTask& task) noexcept;
    RemoteTask* oldest_behind() const noexcept;
    RemoteTask* take_back_oldest() noexcept;

    PoolTables& pool_;
    ResultReader& reader_;
    const DispatchPolicy policy_;
    std::size_t share_ = 1;  // tasks per worker
    std::uint64_t last_id_ = 0;
    std::optional<Time> start_again_;
};

/// Tasks that wait for a worker: in the queue, or behind another task of the worker they were sent to.
inline std::size_t Dispatcher::unstarted() const noexcept {
    std::size_t count = pool_.queue.waiting();
    for (const auto& link : pool_.workers)
        if (!link->life.has_exited() && link->tasks.wanted() > 1) count += link->tasks.wanted() - 1;
    return count;
}

inline std::size_t Dispatcher::missing_workers() const noexcept {
    CONCURRENT_FUTURES_ASSERT(pool_.rule.locked());
    if (!pool_.may_start_workers()) return 0;
    if (start_again_ && std::chrono::steady_clock::now() < *start_again_) return 0;
    std::size_t alive = 0;
    std::size_t coming = 0;
    for (const auto& link : pool_.workers) {
        const WorkerLoad load = load_of(*link);
        if (!load.is_open || policy_.is_worn_out(load, share_)) continue;
        ++alive;
        coming += DispatchPolicy::will_take(load);
    }
    // In a shutdown the calls of start_workers() are about to throw, and workers with nothing to do leave.
    if (pool_.waits_for_all_workers != 0 && !pool_.is_closed())
        return policy_.max_workers - (std::min)(alive, policy_.max_workers);
    return pool_.paused ? 0 : policy_.workers_to_start(unstarted(), alive, coming);
}

inline std::size_t Dispatcher::fair_share(std::size_t coming) const noexcept {
    std::size_t tasks = pool_.queue.size();
    std::size_t workers = coming;
    for (const auto& link : pool_.workers) {
        if (!link->life.is_open()) continue;
        tasks += link->tasks.in_flight();
        ++workers;
    }
    return DispatchPolicy::fair_share(tasks, workers);
}

/// A worker that starts and may have this task, or null. There is none where others come first: a worker that is ready, or
/// tasks that come back from one that ends, to the front.
inline WorkerLink* Dispatcher::choose_starting(const RemoteTask& task) noexcept {
    WorkerLink* starting = nullptr;
    for (const auto& link : pool_.workers) {
        const bool ends = !link->life.is_open() || link->life.is_dying();
        if (link->life.is_ready() || (ends && link->tasks.in_flight() != 0)) return nullptr;
        if (!starting && may_take_first(*link, task)) starting = link.get();
    }
    return starting;
}

/// Chooses a worker for one task after the other: the one with the least to do. Walks once past all workers for as many tasks
/// as there are workers, so that a task costs the same however many workers there are.
class Dispatcher::LeastLoaded {
  public:
    explicit LeastLoaded(const Dispatcher& dispatcher) noexcept
        : dispatcher_(dispatcher), at_(dispatcher.pool_.workers.begin()) {}

    /// Null: no worker may have more. The caller gives the worker a task before it asks again.
    WorkerLink* next() noexcept {
        if (last_) note(*last_);
        last_ = nullptr;
        for (;;) {
            while (at_ != dispatcher_.pool_.workers.end()) {
                WorkerLink& link = **at_++;
                if (link.tasks.in_flight() != level_) {
                    note(link);
                } else if (dispatcher_.may_take_more(link)) {
                    return last_ = &link;
                }
            }
            if (next_level_ == none) return nullptr;
            level_ = std::exchange(next_level_, none);
            at_ = dispatcher_.pool_.workers.begin();
        }
    }

  private:
    static constexpr std::size_t none = SIZE_MAX;

    /// Its turn is in a later walk.
    void note(const WorkerLink& link) noexcept {
        const std::size_t in_flight = link.tasks.in_flight();
        if (in_flight > level_ && in_flight < next_level_ && dispatcher_.may_take_more(link)) next_level_ = in_flight;
    }

    const Dispatcher& dispatcher_;
    WorkerSet::Links::const_iterator at_;
    std::size_t level_ = 0;           // this walk is for workers with so many tasks
    std::size_t next_level_ = none;  // the next one, as far as this walk has seen
    WorkerLink* last_ = nullptr;
};

inline void Dispatcher::dispatch(std::size_t coming) {
    CONCURRENT_FUTURES_ASSERT(pool_.rule.writable());
    share_ = fair_share(coming);
    if (pool_.paused) return;
    LeastLoaded ready(*this);
    while (RemoteTask* const task = pool_.next_queued()) {
        WorkerLink* link = ready.next();
        if (!link) link = choose_starting(*task);
        if (!link) return pool_.queue.put_back(*task);
        give(*link, *task);
        if (pool_.settings.max_pending != 0) pool_.room.notify_one();
    }
}

/// Of the tasks that were sent to a worker and wait there, behind another one or for its start; null if there is none.
inline RemoteTask* Dispatcher::oldest_behind() const noexcept {
    RemoteTask* oldest = nullptr;
    for (const auto& busy : pool_.workers) {
        if (busy->tasks.in_flight() <= first_tasks(*busy)) continue;
        for (const InFlight& entry : busy->tasks.table())
            if (entry.task && !entry.revoked && (!oldest || entry.task->number < oldest->number) &&
                busy->page().state(entry.task->slot, entry.id) == SlotState::sent)
                oldest = entry.task;
    }
    return oldest;
}

/// The same, taken back from its worker. One that starts at this moment cannot be, and then the next one is: nothing else would
/// tell the manager thread of it. Not for ever, since a worker may write anything to its page.
inline RemoteTask* Dispatcher::take_back_oldest() noexcept {
    for (std::size_t tries = 0; tries < ControlPage::slot_count; ++tries) {
        RemoteTask* const oldest = oldest_behind();
        if (!oldest) return nullptr;
        if (!oldest->worker->try_revoke(*oldest)) continue;
        oldest->retain();  // the revoked entry keeps its own reference until the worker has skipped it
        return oldest;
    }
    return nullptr;
}

inline void Dispatcher::balance() {
    CONCURRENT_FUTURES_ASSERT(pool_.rule.writable());
    for (const auto& idle : pool_.workers) {
        if (!is_idle(*idle)) continue;
        RemoteTask* const oldest = take_back_oldest();
        if (!oldest) return;
        give(*idle, *oldest);
    }
}

inline void Dispatcher::stop_unneeded() {
    CONCURRENT_FUTURES_ASSERT(pool_.rule.writable());
    const Time now = std::chrono::steady_clock::now();
    const bool not_needed = pool_.closed && unstarted() == 0;
    for (const auto& link : pool_.workers) {
        if (!link->life.is_open() || link->life.is_dying() || link->tasks.in_flight() != 0 || link->has_output()) continue;
        const bool ready = link->life.is_ready();
        const bool worn_out = ready && !may_take_more(*link);
        const bool idle_too_long =
            ready && !pool_.keeps_idle_workers() && now - link->idle_since >= *pool_.settings.idle_timeout;
        if (!not_needed && !worn_out && !idle_too_long) continue;
        link->life.note_stop();
        link->stop();
    }
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
