// SPDX-License-Identifier: MIT
//
// process_manager_submit.hpp: the part of ProcessManager that other threads call. Included by
// process_manager.hpp, where the class and its picture are.
#pragma once

#include <signal.h>

#include "concurrent/futures/detail/processes/process_manager.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

inline void ProcessManager::throw_if_closed() const {
    if (!broken_.empty()) throw BrokenProcessPool(broken_);
    if (closed_)
        throw ShutdownError("ProcessPoolExecutor: cannot schedule new tasks after shutdown");
}

inline void ProcessManager::submit(RemoteTask& task, Priority priority) {
    if (in_forked_child())
        throw BrokenProcessPool(
            "ProcessPoolExecutor: made before fork(); its workers belong to the parent process. Make a "
            "new pool in the child");
    watch_ ? submit_watched(task, priority) : submit_unwatched(task, priority);
}

inline void ProcessManager::submit_unwatched(RemoteTask& task, Priority priority) {
    if (settings_.run_inline) return submit_bounded(task, priority);
    if (settings_.max_pending != 0) {
        submit_bounded(task, priority);
    } else if (!intake_.push(task, priority)) {
        const std::lock_guard lock(mutex_);
        throw_if_closed();
    }
    // relaxed: see wake().
    if (!asleep_.load(std::memory_order_relaxed) || !give_here()) wake();
}

/// Where it may have to wait, or to run the task itself.
inline void ProcessManager::submit_bounded(RemoteTask& task, Priority priority) {
    Lock lock(mutex_);
    throw_if_closed();
    if (settings_.run_inline) return run_here(lock, task);
    intake_.move_to(queue_);
    if (!wait_for_room(lock, task)) return;
    intake_.push(task, priority);
    intake_.move_to(queue_);
    // relaxed: read under the mutex where it matters.
    news_.store(true, std::memory_order_relaxed);
}

/// After something was put where the manager thread looks before it sleeps, under the lock that it then takes.
/// So either it has seen that, or what it wrote before is seen here.
inline void ProcessManager::wake() noexcept {
    // relaxed, both: ordered by that lock. The exchange is so that one of many notifies.
    if (asleep_.load(std::memory_order_relaxed) && asleep_.exchange(false, std::memory_order_relaxed))
        wake_up_.notify();
}

/// With the lock, after it is written why.
inline void ProcessManager::close_intake() noexcept {
    intake_.close();
    intake_.move_to(queue_);
}

/// False when the task was dealt with here.
inline bool ProcessManager::wait_for_room(Lock& lock, RemoteTask& task) {
    // The manager thread (in a callback) never waits for room: it is the one that makes it. A call with a
    // time limit is not run by the caller, whom nobody could stop: it waits for room.
    if (waiting() < settings_.max_pending || on_manager_thread()) return true;
    switch (settings_.on_full) {
        case QueueFull::raise:
            throw QueueFullError("ProcessPoolExecutor: " + std::to_string(waiting()) +
                                 " tasks are waiting, which is max_pending; submit later, or choose "
                                 "QueueFull::block or caller_runs");
        case QueueFull::caller_runs:
            if (task.limits.timeout != TaskLimits::never) break;
            run_here(lock, task);
            return false;
        case QueueFull::block:
            break;
    }
    const auto has_room = [this] {
        return waiting() < settings_.max_pending || closed_ || !broken_.empty();
    };
    // Others may take the room in between.
    while (!has_room()) {
        lock.unlock();
        block_until(
            Deadline::never(),
            [&] {
                const std::lock_guard also(mutex_);
                return has_room();
            },
            [&](const Deadline& until) {
                Lock asleep(mutex_);
                timed_wait(room_, asleep, until, has_room);
            });
        lock.lock();
    }
    throw_if_closed();
    return true;
}

/// In the thread that submits it.
inline void ProcessManager::run_here(Lock& lock, RemoteTask& task) {
    lock.unlock();
    task.stage = RemoteTask::Stage::ended;  // nobody else knows this task yet
    Encoder result;
    std::exception_ptr error;
    const auto tell = [&](auto event) {
        if (!watch_) return;
        watch_.tell([&](Observer& observer) { event(observer, watch_.call_event(task.shown.id, task.shown_name())); });
    };
    set_waiting(task, false);
    for (;; --task.limits.retries) {
        tell([](Observer& observer, const CallEvent& call) { observer.started(call); });
        try {
            Decoder call(task.call().bytes());
            result.clear();
            error = nullptr;
            run_encoded_call(call, result);
        } catch (...) {
            error = std::current_exception();
        }
        if (!error || task.limits.retries == 0) break;
        tell([](Observer& observer, const CallEvent& call) { observer.retried(call); });
    }
    const CallOutcome outcome = error ? CallOutcome::failed : CallOutcome::completed;
    tell([&](Observer& observer, const CallEvent& call) { observer.finished(call, outcome); });
    lock.lock();
    ++(error ? failed_ : completed_);
    lock.unlock();
    Decoder decoder(result.bytes());
    error ? task.fail(std::move(error)) : task.succeed(decoder);
    task.release();
    lock.lock();
}

/// What every worker does first, for calls that run in this process.
inline void ProcessManager::initialize_here() {
    if (settings_.initializer.empty()) return;
    try {
        Decoder call(settings_.initializer.bytes());
        Encoder nothing;
        run_encoded_call(call, nothing);
    } catch (const std::exception& error) {
        broken_ = std::string("ProcessPoolExecutor: the initializer threw: ") + error.what();
    } catch (...) {
        broken_ = "ProcessPoolExecutor: the initializer threw something that is no std::exception";
    }
}

inline bool ProcessManager::revoke(RemoteTask& task) {
    if (in_forked_child()) return false;  // the mutex may have been copied locked, here and below
    ByteBuffer unsent;      // both are freed without the lock
    RemoteTaskQueue spent;
    {
        const std::lock_guard lock(mutex_);
        const bool was_queued = task.stage == RemoteTask::Stage::queued;
        const bool won = was_queued ||
                         (task.stage == RemoteTask::Stage::sent && task.worker->try_revoke(task));
        if (!won) return false;
        task.stage = RemoteTask::Stage::revoked;
        ++cancelled_;
        if (was_queued) {
            ++revoked_in_queue_;
            unsent = task.take_unsent_call();
            spent = take_revoked();
            if (settings_.max_pending != 0) room_.notify_one();
        }
    }
    while (!spent.empty()) spent.pop_front().release();
    tell_cancelled(task);
    return true;
}

/// With the lock. Cancelled tasks behind others leave the queue when they are half of it: so a cancel() costs little,
/// and the queue never has more of them than of tasks that wait.
inline RemoteTaskQueue ProcessManager::take_revoked() noexcept {
    constexpr std::size_t few = 64;
    RemoteTaskQueue spent;
    if (revoked_in_queue_ < few) return spent;
    intake_.move_to(queue_);
    if (revoked_in_queue_ < queued() / 2) return spent;
    for (RemoteTaskQueue& level : queue_)
        level.move_if([](const RemoteTask& task) { return task.stage != RemoteTask::Stage::queued; }, spent);
    revoked_in_queue_ -= spent.size();
    return spent;
}

inline bool ProcessManager::is_revoked(const RemoteTask& task) const {
    if (in_forked_child()) return false;
    const std::lock_guard lock(mutex_);
    return task.stage == RemoteTask::Stage::revoked;
}

inline bool ProcessManager::is_running(const RemoteTask& task) const {
    if (in_forked_child()) return false;
    const std::lock_guard lock(mutex_);
    if (task.stage == RemoteTask::Stage::ended) return true;  // its result is being delivered
    if (task.stage != RemoteTask::Stage::sent) return false;
    const SlotState seen = task.worker->page().state(task.slot, task.id);
    return seen == SlotState::running || seen == SlotState::done;
}

/// With the lock: every task that has not started is revoked. They are still to be told: the first one,
/// which leads to the others.
inline RemoteTask* ProcessManager::revoke_all_unstarted() noexcept {
    RemoteTask* first = nullptr;
    RemoteTask** last = &first;
    const auto note = [&](RemoteTask& task) {
        task.stage = RemoteTask::Stage::revoked;
        ++cancelled_;
        task.retain();
        *last = &task;
        last = &task.next_revoked;
    };
    for (std::size_t level = queue_.size(); level-- > 0;)
        queue_[level].for_each([&](RemoteTask& task) {
            if (task.stage != RemoteTask::Stage::queued) return;
            note(task);
            ++revoked_in_queue_;
        });
    for (const auto& link : links_)
        for (const WorkerLink::InFlight& entry : link->table())
            if (entry.task && entry.task->stage == RemoteTask::Stage::sent &&
                entry.task->worker == link.get() && link->try_revoke(*entry.task))
                note(*entry.task);
    return first;
}

inline void ProcessManager::begin_shutdown(bool cancel_pending, bool forced) {
    if (in_forked_child()) return;
    RemoteTask* revoked = nullptr;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        forced_ = forced_ || forced;
        close_intake();
        if (cancel_pending) revoked = revoke_all_unstarted();
        // relaxed: read under the mutex where it matters.
        news_.store(true, std::memory_order_relaxed);
        room_.notify_all();
    }
    wake();
    end_revoked(revoked);
}

/// Those of revoke_all_unstarted(), without the lock.
inline void ProcessManager::end_revoked(RemoteTask* first) noexcept {
    while (first) {
        RemoteTask* const task = std::exchange(first, first->next_revoked);
        tell_cancelled(*task);
        task->end_cancelled();
        task->release();
    }
}

inline void ProcessManager::cancel_pending() {
    if (in_forked_child()) return;
    RemoteTask* revoked = nullptr;
    {
        const std::lock_guard lock(mutex_);
        intake_.move_to(queue_);
        revoked = revoke_all_unstarted();
        // relaxed: read under the mutex where it matters.
        news_.store(true, std::memory_order_relaxed);
        room_.notify_all();
    }
    wake();
    end_revoked(revoked);
}

inline bool ProcessManager::join(const Deadline& deadline) {
    if (on_manager_thread() || in_forked_child()) return true;
    const bool ended = block_until(
        deadline,
        [this] {
            const std::lock_guard lock(mutex_);
            return thread_ended_;
        },
        [this](const Deadline& until) {
            Lock lock(mutex_);
            const auto over = [this] { return thread_ended_; };
            timed_wait(ended_, lock, until, over);
        });
    if (!ended) return false;
    const std::lock_guard lock(join_mutex_);
    if (thread_.joinable()) thread_.join();
    return true;
}

/// With the lock. A manager that sleeps has told everybody.
inline bool ProcessManager::is_idle() const noexcept {
    if (thread_ended_) return true;
    // relaxed, both: with the lock.
    if (!asleep_.load(std::memory_order_relaxed) || news_.load(std::memory_order_relaxed)) return false;
    return waiting() == 0 && !intake_.has_tasks() && endings_.empty() &&
           std::all_of(links_.begin(), links_.end(), [](const auto& link) { return link->in_flight() == 0; });
}

inline bool ProcessManager::wait_idle(const Deadline& deadline) {
    if (in_forked_child()) return true;
    if (on_manager_thread())
        throw std::system_error(std::make_error_code(std::errc::resource_deadlock_would_occur),
                                "ProcessPoolExecutor::wait_idle: called in a callback of this pool, which would wait for "
                                "itself; wait for futures instead");
    return block_until(
        deadline,
        [this] {
            const std::lock_guard lock(mutex_);
            return is_idle();
        },
        [this](const Deadline& until) {
            // A result that its waiter reads itself does not wake the manager, so this looks again now and then.
            constexpr std::chrono::milliseconds interval{5};
            Lock lock(mutex_);
            ++waiting_for_idle_;
            timed_wait(ended_, lock, until.or_earlier(Deadline::after(interval)), [this] { return is_idle(); });
            --waiting_for_idle_;
        });
}

inline void ProcessManager::end_workers(int signal) {
    if (in_forked_child()) return;  // they are not this process's workers
    begin_shutdown(true, true);
    {
        const std::lock_guard lock(mutex_);
        for (const auto& link : links_) {
            if (link->ended) continue;
            link->complaint = signal == SIGKILL ? "kill_workers()" : "terminate_workers()";
            signal == SIGTERM ? link->ask_to_end() : link->process.send_signal(signal);
        }
    }
    wake();
}

inline void ProcessManager::detach() {
    const std::lock_guard lock(join_mutex_);
    if (thread_.joinable()) thread_.detach();
}

inline std::vector<int> ProcessManager::worker_pids() const {
    if (in_forked_child()) return {};
    const std::lock_guard lock(mutex_);
    std::vector<int> pids;
    for (const auto& link : links_)
        if (!link->ended && link->process.pid() > 0) pids.push_back(link->process.pid());
    return pids;
}

inline ProcessManager::Counts ProcessManager::counts() {
    if (in_forked_child()) return {};
    const std::lock_guard lock(mutex_);
    intake_.move_to(queue_);
    Counts counts{0, 0, 0, 0, completed_, failed_, cancelled_, restarts_};
    counts.pending = waiting();
    for (const auto& link : links_) {
        counts.workers += !link->ended;
        counts.idle += !link->ended && link->phase == WorkerLink::Phase::ready && link->in_flight() == 0;
        // Those of an ended one, too: its template may not have said yet how it ended.
        for (std::size_t slot = 0; slot < link->table().size(); ++slot) {
            const WorkerLink::InFlight& entry = link->table()[slot];
            if (!entry.task || entry.revoked) continue;
            ++(link->page().state(slot, entry.id) == SlotState::queued ? counts.pending
                                                                     : counts.running);
        }
    }
    return counts;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
