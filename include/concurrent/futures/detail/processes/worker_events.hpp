// SPDX-License-Identifier: MIT
//
// worker_events.hpp: how the manager thread of a process pool sleeps until something happens, and takes it in.
//
//     wait_for_news() ── nothing ──▶ fall_asleep(), expect_news(), look again ── nothing ──▶ poll
//          │ something                     │ something                                        │ a wake-up, a death, a time
//          └───────────────────────────────┴──────────────▶ the rings are read ◀──────────────┘
//
// A worker that sends something, or a thread that submits, looks afterwards whether the manager thread must be woken: a
// worker at its bell (byte_ring.hpp), a thread at the signal (manager_signal.hpp). The manager thread has set both before
// its last look, so one side sees the other. Threads: the manager thread, without the pool's mutex unless said.
#pragma once

#include <algorithm>
#include <cstdint>
#include <mutex>

#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/spin.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/detail/processes/deadline_enforcer.hpp"
#include "concurrent/futures/detail/processes/dispatcher.hpp"
#include "concurrent/futures/detail/processes/event_poller.hpp"
#include "concurrent/futures/detail/processes/idle_wait.hpp"
#include "concurrent/futures/detail/processes/pool_tables.hpp"
#include "concurrent/futures/detail/processes/result_reader.hpp"
#include "concurrent/futures/detail/processes/worker_deaths.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class WorkerEvents {
  public:
    WorkerEvents(PoolTables& pool, ResultReader& reader, WorkerDeaths& deaths, const DeadlineEnforcer& deadlines,
                 const Dispatcher& dispatcher, IdleWait& idle)
        : pool_(pool),
          reader_(reader),
          deaths_(deaths),
          deadlines_(deadlines),
          dispatcher_(dispatcher),
          idle_(idle) {
        // A template tells of the end of the workers that it has forked.
        if (!pool.workers.spawns()) poller_.trust_exits_only();
    }

    /// Before there are that many workers: polling them needs no memory then.
    void reserve(std::size_t workers) { poller_.reserve(workers); }
    /// What workers say, and what the system says of them. Sleeps while there is nothing, if it may, but not beyond `until`.
    void receive_all(bool may_sleep, const Deadline& until = Deadline::never());
    RunningTime& running_time() noexcept { return poller_.running_time(); }

  private:
    bool has_news() const noexcept;
    bool wait_for_news();
    bool all_are_supplied() const noexcept;
    void look_at_descriptors(bool may_sleep, const Deadline& until);
    void take_in(const EventPoller::Ready& ready);
    int poll_milliseconds(const Deadline& until) const;

    PoolTables& pool_;
    ResultReader& reader_;
    WorkerDeaths& deaths_;
    const DeadlineEnforcer& deadlines_;
    const Dispatcher& dispatcher_;
    IdleWait& idle_;
    EventPoller poller_;
};

/// Cheap: something has come in, from workers or from other threads. A hint without the mutex.
inline bool WorkerEvents::has_news() const noexcept {
    if (pool_.queue.intake.may_have_tasks() || pool_.signal.has_news()) return true;
    return std::any_of(pool_.workers.begin(), pool_.workers.end(),
                       [](const auto& link) { return link->has_news() || link->can_write(); });
}

/// Each worker has something to go on with. Then it pays to wait a moment for more, and do it all in one step.
inline bool WorkerEvents::all_are_supplied() const noexcept {
    return !pool_.workers.empty() && spinning_pays() &&
           std::all_of(pool_.workers.begin(), pool_.workers.end(),
                       [](const auto& link) { return link->tasks.in_flight() >= 2 && !link->has_output(); });
}

/// False when there are none and the manager thread may sleep.
inline bool WorkerEvents::wait_for_news() {
    if (has_news()) {
        for (int pauses = all_are_supplied() ? tuning::manager_pauses : 0; pauses > 0; --pauses) pause();
        return true;
    }
    bool works = false;
    for (const auto& link : pool_.workers) {
        if (link->exits_now()) return false;
        works = works || link->tasks.in_flight() != 0;
    }
    return works && poller_.slept_briefly() && spin_until([this] { return has_news(); });
}

inline void WorkerEvents::receive_all(bool may_sleep, const Deadline& until) {
    CONCURRENT_FUTURES_ASSERT(pool_.rule.on_engine_thread() && pool_.rule.unlocked());
    {
        const std::lock_guard lock(pool_.mutex);
        may_sleep = may_sleep && pool_.completions.empty() && !pool_.is_finished();
    }
    may_sleep = may_sleep && !wait_for_news();
    const std::int64_t now = monotonic_nanoseconds();
    running_time().note_after(now, 0);
    if (may_sleep || poller_.is_look_due(now)) return look_at_descriptors(may_sleep, until);
    const std::lock_guard lock(pool_.mutex);
    for (const auto& link : pool_.workers)
        if (link->has_news()) reader_.read(*link);
}

inline void WorkerEvents::look_at_descriptors(bool may_sleep, const Deadline& until) {
    int milliseconds = 0;
    {
        const std::lock_guard lock(pool_.mutex);
        poller_.begin(pool_.signal.wake_up().fd(), pool_.workers.template_socket());
        for (const auto& link : pool_.workers) {
            // A forked worker may be quicker than the news of its pid, which errors are to name.
            poller_.add({link.get(), link->process.pid() > 0 ? link->pipes().result_fd() : -1, link->pipes().task_fd(),
                         link->life.has_exited() ? -1 : link->process.watch_fd()});
            if (may_sleep) link->expect_news();
        }
        if (may_sleep) {
            pool_.signal.fall_asleep();  // from here on other threads may do this one's work
            idle_.note_sleep();
            const bool nothing = !pool_.queue.has_new() && !has_news();
            if (nothing) milliseconds = poll_milliseconds(until);
        }
    }
    poller_.poll(milliseconds, may_sleep);
    const std::lock_guard lock(pool_.mutex);
    pool_.signal.rise();
    if (poller_.was_woken()) pool_.signal.wake_up().clear();
    if (poller_.template_spoke() && !pool_.workers.read_template(pool_.forced) &&
        !(pool_.closed && pool_.workers.empty()))
        pool_.break_pool("ProcessPoolExecutor: the template process, which forks the workers, died");
    for (const EventPoller::Ready& each : poller_.ready()) take_in(each);
}

/// With the mutex.
inline void WorkerEvents::take_in(const EventPoller::Ready& ready) {
    CONCURRENT_FUTURES_ASSERT(pool_.rule.writable());
    WorkerLink& link = *ready.worker;
    link.pipes().expect_nothing();
    const bool ends = ready.results && !link.pipes().take_wake_ups();
    if (link.has_news()) reader_.read(link);
    const bool is_watched = link.process.watch_fd() >= 0;
    if (ready.exited || (!is_watched && link.process.pid() > 0)) pool_.workers.note_exit(link);
    if (link.life.is_reaped()) return deaths_.settle(link);  // closing its pipe can wait
    if (ends) ResultReader::note_end_of_results(link);
}

/// With the mutex: how long there is nothing to do but what others bring; below 0: for ever.
inline int WorkerEvents::poll_milliseconds(const Deadline& until) const {
    CONCURRENT_FUTURES_ASSERT(pool_.rule.writable());
    int wait = -1;
    const auto at_most = [&wait](std::int64_t milliseconds) {
        const auto bounded = std::clamp<std::int64_t>(milliseconds, 0, 1'000'000);
        if (wait < 0 || bounded < wait) wait = static_cast<int>(bounded);
    };
    const auto at_most_until = [&](auto duration) {
        at_most(std::chrono::ceil<std::chrono::milliseconds>(duration).count());
    };
    if (!until.is_never()) at_most_until(until.left());
    const auto now = std::chrono::steady_clock::now();
    const auto& start_again = dispatcher_.start_again();
    if (start_again && *start_again > now)
        at_most_until(*start_again - now);
    else if (start_again && dispatcher_.missing_workers() != 0)
        at_most(0);  // that time has come since this step began
    if (pool_.memory.keeps_unused() && !pool_.forced) at_most_until(pool_.memory.trim_at() - now);
    const bool idle_workers_end = !pool_.keeps_idle_workers();
    for (const auto& link : pool_.workers) {
        if (link->process.watch_fd() < 0 && link->process.pid() > 0) at_most(tuning::unwatched_look_interval);
        // idle_timeout may be the longest duration there is.
        if (idle_workers_end && link->life.is_ready() && link->tasks.in_flight() == 0)
            at_most_until(*pool_.settings.idle_timeout - (now - link->idle_since));
        if (!deadlines_.has_deadline(*link)) continue;
        const std::int64_t time = monotonic_nanoseconds();
        const std::int64_t deadline = deadlines_.next(*link, time);
        if (deadline != TaskLimits::never)
            at_most_until(std::chrono::nanoseconds((std::min)(deadline - time, RunningTime::longest_sleep)));
    }
    return wait;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
