// SPDX-License-Identifier: MIT
//
// process_manager.hpp: the engine of a process pool: one mutex, one thread, and the parts that do the work.
//
//     submit() ──▶ SubmissionQueue ──▶ Dispatcher ──▶ WorkerLink ══ ring of tasks ══▶ worker process
//      (any thread)      ▲          (manager thread)     ▲                               │
//                        │                               ║                               │ control page
//                        └── WorkerDeaths: what a dead   ╚══ ring of results ◀═══════════╛
//                            worker had not started         │ WorkerEvents, ResultReader
//                                                           ▼
//                                  CompletionQueue: the futures end, callbacks run
//
// One step of the manager thread: enforce deadlines, hand out tasks, start workers; take in results and deaths, asleep
// in poll while there are none; deliver what has ended. It never blocks elsewhere of its own, all descriptors are
// non-blocking, and nothing that two processes can lock exists, so no worker can stop it. User code runs in the
// delivery only, without the mutex; a callback may wait for another task of this pool: it then makes the steps itself.
// While the manager thread sleeps, other threads may go the same ways in its place: direct_path.hpp.
//
// Who owns what: PoolTables holds the data and its mutex, which is not held while polling or delivering. Where things
// happen: a deadline is enforced, deadline_enforcer.hpp; a worker's death becomes an exception, worker_deaths.hpp; a result
// is received, result_reader.hpp; a value is decoded, process_call.hpp; a thrown exception is decoded,
// completions.hpp; workers start and are reaped, worker_set.hpp; a worker's states, worker_life.hpp.
#pragma once

#include <poll.h>
#include <signal.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/fork_generation.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/detail/processes/cancellation.hpp"
#include "concurrent/futures/detail/processes/deadline_enforcer.hpp"
#include "concurrent/futures/detail/processes/direct_path.hpp"
#include "concurrent/futures/detail/processes/dispatcher.hpp"
#include "concurrent/futures/detail/processes/idle_wait.hpp"
#include "concurrent/futures/detail/processes/manager_thread.hpp"
#include "concurrent/futures/detail/processes/pool_control.hpp"
#include "concurrent/futures/detail/processes/pool_tables.hpp"
#include "concurrent/futures/detail/processes/process_engine.hpp"
#include "concurrent/futures/detail/processes/result_reader.hpp"
#include "concurrent/futures/detail/processes/submission_room.hpp"
#include "concurrent/futures/detail/processes/worker_deaths.hpp"
#include "concurrent/futures/detail/processes/worker_events.hpp"
#include "concurrent/futures/detail/state/without_memory.hpp"
#include "concurrent/futures/errors.hpp"
#include "concurrent/futures/options.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class ProcessManager final : public ProcessEngine {
  public:
    explicit ProcessManager(ProcessSettings settings, ProcessTreeShare share = {});
    inline ~ProcessManager() override;

    // The pool's side, see process_engine.hpp.
    const PoolWatch& watch() const noexcept override { return pool_.observer.watch(); }
    /// Starts the manager thread, which keeps `self` alive.
    inline void start(std::shared_ptr<ProcessEngine> self) override;
    inline void submit(RemoteTask& task, Priority priority) override;
    ByteStore* call_store() const noexcept override { return pool_.memory.arena(); }
    inline void cancel_pending() override;
    void begin_shutdown(bool cancel_pending) override { close(cancel_pending, false); }
    bool join(const Deadline& deadline) override {
        return on_manager_thread() || in_forked_child() || pool_.completions.delivers_here() || thread_.join(deadline);
    }
    inline bool wait_idle(const Deadline& deadline) override;
    void detach() override { thread_.detach(); }
    inline void end_workers(int signal) override;
    void pause() override { control_.pause(); }
    void resume() override { control_.resume(); }
    void start_workers() override { control_.start_workers(on_manager_thread()); }
    bool is_broken() const override { return control_.is_broken(); }
    std::vector<int> worker_pids() const override {
        return in_forked_child() ? std::vector<int>() : control_.worker_pids(on_manager_thread());
    }
    inline Counts counts() override;

    // The side of a task and its futures.
    bool revoke(RemoteTask& task) override { return cancellation_.revoke(task); }
    bool is_revoked(const RemoteTask& task) const override { return cancellation_.is_revoked(task); }
    bool is_running(const RemoteTask& task) const override { return cancellation_.is_running(task); }
    inline bool request_stop(RemoteTask& task) override;
    void count_unreadable_result() noexcept override { pool_.completions.count_unreadable_result(); }
    bool on_manager_thread() const noexcept override { return current_ == this; }
    /// In place of the manager thread, if that sleeps.
    bool look_for_end(RemoteTask& task, const SharedState& future) noexcept override {
        if (in_forked_child() || on_manager_thread() || !spinning_pays()) return future.done();
        return direct_.look_for_end(task, [&] { return future.done(); });
    }
    void work_until_done(const SharedState& future, const Deadline& deadline) override {
        CONCURRENT_FUTURES_ASSERT(on_manager_thread());
        while (!future.done() && !deadline.passed()) guarded_step(true, deadline);
    }

  private:
    // Any thread.
    void submit_unobserved(RemoteTask& task, Priority priority);
    /// `forced`: workers that end from here on are not replaced, whatever they leave.
    void close(bool cancel_pending, bool forced);

    // The manager thread.
    void run() noexcept;
    void guarded_step(bool may_sleep, const Deadline& until = Deadline::never()) noexcept;
    void step(bool may_sleep, const Deadline& until);
    void start_workers_now(std::size_t missing);
    bool start_worker();

    inline static constinit thread_local const ProcessManager* current_ = nullptr;  // on a manager thread: its own

    mutable PoolTables pool_;
    ResultReader reader_{pool_};
    WorkerDeaths deaths_{pool_, reader_};
    DeadlineEnforcer deadlines_{pool_, reader_};
    Dispatcher dispatcher_{pool_, reader_};
    DirectPath direct_{pool_, dispatcher_, reader_};
    IdleWait idle_{pool_};
    WorkerEvents events_{pool_, reader_, deaths_, deadlines_, dispatcher_, idle_};
    SubmissionRoom room_{pool_};
    PoolControl control_{pool_};
    Cancellation cancellation_{pool_, born_};
    ManagerThread thread_;
};

inline ProcessManager::ProcessManager(ProcessSettings settings, ProcessTreeShare share)
    : ProcessEngine(pool_.settings), pool_(std::move(settings), std::move(share)) {
    pool_.workers.start_template();  // first: it has much to do, and this process goes on meanwhile
    try {
        pool_.memory.open(pool_.signal.wake_up());
    } catch (...) {
        pool_.workers.stop_template();
        throw;
    }
}

inline ProcessManager::~ProcessManager() {
    if (in_forked_child()) return;
    PoolMemory::close(pool_.signal.wake_up());
    pool_.workers.stop_template();
}

// ---- the manager thread --------------------------------------------------------------------------

inline void ProcessManager::start(std::shared_ptr<ProcessEngine> self) {
    pool_.rule.begin();
    thread_.start([kept = std::move(self), this] { run(); });
}

inline void ProcessManager::run() noexcept {
    current_ = this;
    pool_.rule.note_engine_thread();
    const Serving serving([this] { guarded_step(false); });
    for (bool over = false; !over;) {
        guarded_step(true);
        std::unique_lock lock(pool_.mutex);
        over = pool_.is_finished() && pool_.completions.empty();
        if (over && pool_.completions.is_delivered_by_waiter()) {
            over = false;
            lock.unlock();
            ::poll(nullptr, 0, tuning::last_delivery_look_interval);
        }
    }
    pool_.workers.stop_template();
    pool_.workers.give_back_share();
    idle_.note_end();
    thread_.note_end();
}

/// Out of memory or descriptors: the pool ends in order, with every task failed and told why.
inline void ProcessManager::guarded_step(bool may_sleep, const Deadline& until) noexcept {
    try {
        step(may_sleep, until);
    } catch (const std::exception& error) {
        const std::lock_guard lock(pool_.mutex);
        pool_.break_pool(text_or_why_not([&] {
            return std::string("ProcessPoolExecutor: the manager failed: ") + error.what();
        }));
    }
}

inline void ProcessManager::step(bool may_sleep, const Deadline& until) {
    CONCURRENT_FUTURES_ASSERT(on_manager_thread());
    std::size_t missing = 0;
    {
        const std::lock_guard lock(pool_.mutex);
        pool_.signal.clear_news();
        pool_.queue.begin_look();
        events_.running_time().note_after(monotonic_nanoseconds(), 0);  // a stop since the last note
        deadlines_.enforce(events_.running_time().take_lost());
        missing = dispatcher_.missing_workers();
        dispatcher_.dispatch(missing);
        dispatcher_.balance();
        dispatcher_.stop_unneeded();
        // After that: a worker that is about to be sent something is not told to leave in this step, and there may
        // be no next one.
        if (!pool_.forced) pool_.memory.trim(pool_.workers);
        pool_.memory.forget_dead_regions(pool_.workers);
        dispatcher_.flush();
    }
    if (missing > 0) start_workers_now(missing);
    for (const auto& link : pool_.workers) link->ring();
    for (const auto& link : pool_.workers)
        if (!std::exchange(link->start_is_noted, true)) deaths_.note_start(*link);
    events_.receive_all(may_sleep, until);
    events_.running_time().note_after(monotonic_nanoseconds(), 0);
    pool_.completions.deliver_all([this](std::string why) {
        const std::lock_guard lock(pool_.mutex);
        pool_.break_pool(std::move(why));
    });
    events_.running_time().note(monotonic_nanoseconds());  // what callbacks took does count
    if (!pool_.workers.has_removed()) return;
    WorkerSet::Links gone;  // destroyed without the mutex
    const std::lock_guard lock(pool_.mutex);
    gone = pool_.workers.take_removed();
}

/// Without the mutex. They get their first tasks with their configuration.
inline void ProcessManager::start_workers_now(std::size_t missing) {
    for (; missing > 0; --missing)
        if (!start_worker()) break;
    const std::lock_guard lock(pool_.mutex);
    dispatcher_.dispatch(missing);
    dispatcher_.flush();
}

/// Without the mutex. False when it could not be started.
inline bool ProcessManager::start_worker() {
    std::string why;
    try {
        events_.reserve(pool_.workers.size() + 1);
        WorkerSet::Links fresh = pool_.workers.make(pool_.memory.arena(), static_cast<bool>(pool_.observer));
        const std::lock_guard lock(pool_.mutex);
        pool_.workers.add(fresh, pool_.forced);
        return true;
    } catch (const std::exception& error) {
        why = error.what();
    }
    const std::lock_guard lock(pool_.mutex);
    // The system is out of something. With workers left the pool goes on with them, and tries again.
    for (const auto& link : pool_.workers) {
        if (link->life.has_exited()) continue;
        pool_.start_failure = why;
        dispatcher_.start_again_at(std::chrono::steady_clock::now() + tuning::pause_after_failed_start);
        return false;
    }
    pool_.break_pool("ProcessPoolExecutor: a worker process cannot be started: " + why);
    return false;
}

// ---- any thread ----------------------------------------------------------------------------------

inline void ProcessManager::submit(RemoteTask& task, Priority priority) {
    if (born_.in_forked_child()) throw_if_forked();
    if (!pool_.settings.observer) return submit_unobserved(task, priority);
    pool_.observer.tell_submitted(task);
    try {
        submit_unobserved(task, priority);
    } catch (...) {
        // A task that has ended here, and this thread with it, was told of.
        if (task.stage != RemoteTask::Stage::ended) pool_.observer.tell_cancelled(task);
        throw;
    }
}

inline void ProcessManager::submit_unobserved(RemoteTask& task, Priority priority) {
    if (pool_.settings.max_pending != 0) {
        PoolTables::Lock lock(pool_.mutex);
        pool_.throw_if_closed();
        if (!room_.wait(lock, task, on_manager_thread())) {
            lock.unlock();
            return room_.run_here(task);
        }
        room_.add(task, priority);
    } else if (!pool_.queue.intake.push(task, priority)) {
        const std::lock_guard lock(pool_.mutex);
        pool_.throw_if_closed();
    }
    if (pool_.signal.is_asleep() && !direct_.give()) pool_.signal.wake();
}

inline bool ProcessManager::request_stop(RemoteTask& task) {
    if (in_forked_child()) return true;  // nothing can be done from here
    bool asked = false;
    {
        const std::lock_guard lock(pool_.mutex);
        asked = deadlines_.request_stop(task);
    }
    if (asked) pool_.signal.wake();
    return asked;
}

inline void ProcessManager::close(bool cancel_pending, bool forced) {
    if (in_forked_child()) return;
    RevokedTasks revoked;
    {
        const std::lock_guard lock(pool_.mutex);
        pool_.closed = true;
        pool_.paused = false;
        pool_.forced = pool_.forced || forced;
        pool_.queue.close();
        if (cancel_pending) revoked = cancellation_.revoke_all_unstarted();
        pool_.signal.note_news();
        pool_.room.notify_all();
    }
    pool_.signal.wake();
    cancellation_.end_revoked(std::move(revoked));
}

inline void ProcessManager::cancel_pending() {
    if (in_forked_child()) return;
    RevokedTasks revoked;
    {
        const std::lock_guard lock(pool_.mutex);
        pool_.queue.collect();
        revoked = cancellation_.revoke_all_unstarted();
        pool_.signal.note_news();
        pool_.room.notify_all();
    }
    pool_.signal.wake();
    cancellation_.end_revoked(std::move(revoked));
}

inline bool ProcessManager::wait_idle(const Deadline& deadline) {
    throw_if_forked();
    return idle_.wait(deadline, on_manager_thread());
}

inline void ProcessManager::end_workers(int signal) {
    if (in_forked_child()) return;  // they are not this process's workers
    if (signal == SIGTERM) control_.await_pids(on_manager_thread());  // one that is not known could only be killed
    close(true, true);
    {
        const std::lock_guard lock(pool_.mutex);
        for (const auto& link : pool_.workers) {
            if (link->life.has_exited()) continue;
            link->life.complain_instead(signal == SIGKILL ? "kill_workers()" : "terminate_workers()");
            signal == SIGTERM ? link->ask_to_end() : link->process.send_signal(signal);
        }
    }
    pool_.signal.wake();
}

inline ProcessManager::Counts ProcessManager::counts() {
    if (in_forked_child()) return {};
    const std::lock_guard lock(pool_.mutex);
    pool_.queue.collect();
    const CompletionQueue::Counts& ends = pool_.completions.counts();
    Counts counts{0, 0, pool_.queue.waiting(), 0, ends.completed, ends.failed, ends.cancelled,
                  pool_.budget.restarts()};
    for (const auto& link : pool_.workers) {
        counts.workers += !link->life.has_exited();
        counts.idle += link->life.is_ready() && link->tasks.in_flight() == 0;
        // Those of an exited one, too: its template may not have said yet how it ended.
        for (std::size_t slot = 0; slot < link->tasks.table().size(); ++slot) {
            const InFlight& entry = link->tasks.table()[slot];
            if (!entry.task || entry.revoked) continue;
            ++(link->page().state(slot, entry.id) == SlotState::sent ? counts.pending : counts.running);
        }
    }
    return counts;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
