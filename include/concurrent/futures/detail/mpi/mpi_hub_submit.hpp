// SPDX-License-Identifier: MIT
//
// mpi_hub_submit.hpp: the part of MpiHub that other threads call. Included by mpi_hub.hpp, where the class and its
// picture are.
#pragma once

#include <algorithm>

#include "concurrent/futures/detail/mpi/mpi_hub.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

inline void MpiHub::submit_unwatched(MpiPool& pool, MpiTask& task, Priority priority) {
    if (fork_generation() != born_)
        throw BrokenProcessPool("MPIPoolExecutor: made before fork(); MPI works in the parent process only");
    if (pool.settings_.max_pending != 0) {
        submit_bounded(pool, task, priority);
    } else if (!pool.intake_.push(task, priority)) {
        const std::lock_guard lock(mutex_);
        pool.throw_if_closed();
        throw ShutdownError("MPIPoolExecutor: cannot schedule new tasks after shutdown");
    }
    // relaxed: see idle().
    if (asleep_.load(std::memory_order_relaxed) && !send_here(pool)) wake();
}

inline void MpiHub::submit_bounded(MpiPool& pool, MpiTask& task, Priority priority) {
    Lock lock(mutex_);
    pool.throw_if_closed();
    pool.intake_.move_to(pool.queue_);
    if (pool.waiting() >= pool.settings_.max_pending && !on_engine_thread()) {
        switch (pool.settings_.on_full) {
            case QueueFull::raise:
                throw QueueFullError("MPIPoolExecutor: " + std::to_string(pool.waiting()) +
                                     " tasks are waiting, which is max_pending; submit later, or choose "
                                     "QueueFull::block or caller_runs");
            case QueueFull::caller_runs:
                return run_here(lock, pool, task);
            case QueueFull::block:
                break;
        }
        const auto is_over = [&] {
            return pool.waiting() < pool.settings_.max_pending || pool.closed_ || !pool.broken_.empty();
        };
        while (!is_over()) {  // another thread may take the room in between
            lock.unlock();
            wait_for_change(Deadline::never(), is_over);
            lock.lock();
        }
        pool.throw_if_closed();
    }
    pool.intake_.push(task, priority);
}

/// Without the lock; `over()` is called with it. `interval`: after which it looks again even without a notification.
/// False when the deadline came first.
template <class Over>
bool MpiHub::wait_for_change(const Deadline& deadline, Over over, std::optional<std::chrono::nanoseconds> interval) {
    return block_until(
        {.what = "room, an idle pool, or its end (MPIPoolExecutor)"}, deadline,
        [&] {
            const std::lock_guard lock(mutex_);
            return over();
        },
        [&](const Deadline& until) {
            Lock lock(mutex_);
            timed_wait(changed_, lock, interval ? until.or_earlier(Deadline::after(*interval)) : until, over);
        });
}

/// In the thread that submits it.
inline void MpiHub::run_here(Lock& lock, MpiPool& pool, MpiTask& task) {
    lock.unlock();
    task.stage = RemoteTask::Stage::ended;
    set_waiting(task, false);
    observe(task, Observation::Kind::started, monotonic_nanoseconds(), nullptr);
    tell(task);
    Encoder result;
    std::exception_ptr error;
    try {
        Decoder call(task.call().bytes());
        run_encoded_call(call, result);
    } catch (...) {
        error = std::current_exception();
    }
    lock.lock();
    ++(error ? pool.failed_ : pool.completed_);
    lock.unlock();
    observe(task, error ? Observation::Kind::failed : Observation::Kind::completed, monotonic_nanoseconds(), nullptr);
    tell(task);
    Decoder decoder(result.bytes());
    error ? task.fail(std::move(error)) : task.succeed(decoder);
    task.release();
}

/// While the engine sleeps: gives what has come in to lanes with nothing to do. True: all is with them, and
/// the engine will look for the results in time.
inline bool MpiHub::send_here(MpiPool& pool) noexcept {
    const Lock lock(mutex_, std::try_to_lock);
    if (!lock) return false;
    // relaxed: with the lock.
    if (!asleep_.load(std::memory_order_relaxed)) return true;
    if (!broken_.empty()) return false;
    try {
        pool.intake_.move_to(pool.queue_);
        dispatch(pool, true);
        ship_all();
    } catch (const std::exception& error) {
        break_all(std::string("MPIPoolExecutor: ") + error.what());
        return false;
    }
    return pool.queued() == 0 && endings_.empty() && !sleeps_deeply_;
}

/// In a thread that is about to sleep until this task has ended.
template <class Done>
bool MpiHub::look_for_end(MpiTask& task, Done done) noexcept {
    if (on_engine_thread() || fork_generation() != born_) return done();
    // relaxed: a hint for the engine.
    watchers_.fetch_add(1, std::memory_order_relaxed);
    bool is_over = false, is_for_engine = false;
    std::int64_t news = monotonic_nanoseconds();
    for (unsigned looks = 0;; ++looks) {
        const std::int64_t now = monotonic_nanoseconds();
        // relaxed: looked at again with the lock.
        const bool looks_here = polls_ && asleep_.load(std::memory_order_relaxed);
        const Watch seen = looks_here ? watch(task, now) : Watch::nothing;
        is_for_engine = seen == Watch::for_engine;
        is_over = done();
        if (is_over || is_for_engine) break;
        if (seen == Watch::news) {
            news = now;
            looks = 0;
        }
        const std::int64_t waited = now - news;
        if (!(looks_here ? keeps_looking(waited, looks) : waited < patience_with_engine)) break;
        pause_between_looks(waited);
    }
    // relaxed: as above.
    watchers_.fetch_sub(1, std::memory_order_relaxed);
    if (!is_over || is_for_engine) wake();
    return is_over || done();
}

/// While the engine sleeps, in a thread that waits for `task`: looks for messages, and ends that task and those whose
/// end runs no code of the user: this thread may hold a lock that such code needs.
inline MpiHub::Watch MpiHub::watch(const MpiTask& task, std::int64_t now) noexcept {
    Lock lock(mutex_, std::try_to_lock);
    // relaxed: with the lock.
    if (!lock || !port_ || !broken_.empty() || !asleep_.load(std::memory_order_relaxed)) return Watch::nothing;
    watched_at_ = now;
    bool news = false;
    try {
        news = receive();
        if (news) {
            for (const auto& pool : pools_) pool->intake_.move_to(pool->queue_);
            dispatch();
            ship_all();
        }
    } catch (const std::exception& error) {
        break_all(std::string("MPIPoolExecutor: ") + error.what());
        return Watch::for_engine;
    }
    const bool some_end = std::any_of(pools_.begin(), pools_.end(), [](const auto& pool) { return pool->closed_; });
    if (endings_.empty() && notices_.empty() && !some_end) return news ? Watch::news : Watch::nothing;
    const auto may_end = [&](const RemoteTask& next) {
        const auto& ended = static_cast<const MpiTask&>(next);
        return ended.ending.kind == Ending::Kind::result &&
               (&ended == &task || (ended.has_plain_result && !ended.watched_by));
    };
    for (Deliveries some; some.take_from(endings_, may_end), !some.empty();) {
        ++telling_;
        lock.unlock();
        while (!some.empty()) {
            Deliveries::Delivery next = some.pop_front();
            deliver_to_waiter(static_cast<MpiTask&>(*next.task), next.ending);
        }
        lock.lock();
        --telling_;
    }
    const bool some_closed = std::any_of(pools_.begin(), pools_.end(), [](const auto& pool) { return pool->closed_; });
    if (!endings_.empty() || !notices_.empty() || some_closed) return Watch::for_engine;
    return news ? Watch::news : Watch::nothing;
}

/// Callbacks of the task are left to the engine.
inline void MpiHub::deliver_to_waiter(MpiTask& task, Ending& ending) noexcept {
    tell(task);
    task.drop_call(ending.body);
    Decoder decoder(ending.body.bytes());
    if (!task.try_succeed_untold(decoder)) {
        {
            const std::lock_guard lock(mutex_);
            endings_.add(task, Ending::Kind::stored);  // with one of the references
            --ending.references;
        }
        wake();
    }
    for (; ending.references > 0; --ending.references) task.release();
}

inline bool MpiHub::revoke(MpiPool& pool, MpiTask& task) {
    if (!take_out(pool, task)) return false;
    tell_cancelled(task);
    return true;
}

/// True: it will not run.
inline bool MpiHub::take_out(MpiPool& pool, MpiTask& task) {
    if (fork_generation() != born_) return false;
    Lock lock(mutex_);
    for (bool asked = false;;) {
        if (task.stage == RemoteTask::Stage::queued) {
            pool.intake_.move_to(pool.queue_);
            ++pool.revoked_in_queue_;
            task.stage = RemoteTask::Stage::revoked;
            ++pool.cancelled_;
            if (pool.settings_.max_pending != 0) changed_.notify_all();
            return true;
        }
        if (asked && task.stage == RemoteTask::Stage::revoked) return true;
        if (asked) task.wanted_back = false;
        if (task.stage != RemoteTask::Stage::sent || task.wanted_back) return false;
        RootLane& lane = *task.lane;
        if (asked || lane.in_flight.front().first == &task) return false;
        asked = task.wanted_back = true;
        ask_back(lane);
        wait_for_recall(lock, lane);
    }
}

inline bool MpiHub::is_revoked(const MpiTask& task) const {
    if (fork_generation() != born_) return false;
    const std::lock_guard lock(mutex_);
    return task.stage == RemoteTask::Stage::revoked;
}

inline bool MpiHub::is_running(const MpiTask& task) const {
    if (fork_generation() != born_) return false;
    const std::lock_guard lock(mutex_);
    if (task.stage == RemoteTask::Stage::ended) return true;  // its result is being delivered
    return task.stage == RemoteTask::Stage::sent && task.lane && !task.lane->in_flight.empty() &&
           task.lane->in_flight.front().first == &task;
}

inline bool MpiHub::request_stop(MpiTask& task) {
    if (fork_generation() != born_) return true;
    const std::lock_guard lock(mutex_);
    if (task.stage == RemoteTask::Stage::ended) return true;
    if (task.stage != RemoteTask::Stage::sent || !task.lane) return false;
    if (!task.takes_stop_token)
        throw std::invalid_argument(
            "Future::request_stop: MPI cannot stop a task that takes no std::stop_token, since a rank that is killed "
            "ends the whole job; give the callable a std::stop_token as its first parameter");
    RootPeer& peer = *task.lane->peer;
    peer.out.add(FrameType::ask_to_stop, task.id, task.lane->number, {});
    ship(peer);
    return true;
}

inline void MpiHub::ask_back(RootLane& lane) {
    if (std::exchange(lane.recalling, true)) return;
    ++in_flight_;  // the answer
    lane.peer->out.add(FrameType::recall, 0, lane.number, {});
    ship(*lane.peer);
}

inline void MpiHub::wait_for_recall(Lock& lock, const RootLane& lane) {
    while (lane.recalling) {
        lock.unlock();
        // The engine thread may be in a callback that waits for what this thread has put off.
        Trampoline::catch_up();
        if (on_engine_thread())
            work_once();
        else
            wake();
        lock.lock();
        if (!on_engine_thread()) changed_.wait(lock, [&] { return !lane.recalling; });
    }
}

inline void MpiHub::begin_shutdown(MpiPool& pool, bool cancel_pending, bool close) {
    if (fork_generation() != born_) return;
    std::vector<std::pair<MpiTask*, bool>> asked;  // and whether it came back
    RemoteTask* revoked = nullptr;
    {
        Lock lock(mutex_);
        if (close) {
            pool.closed_ = true;
            pool.intake_.close();
        }
        pool.intake_.move_to(pool.queue_);
        changed_.notify_all();
        if (cancel_pending) {
            RemoteTask** last = &revoked;
            for (std::size_t level = pool.queue_.size(); level-- > 0;)
                pool.queue_[level].for_each([&](RemoteTask& task) {
                    if (task.stage != RemoteTask::Stage::queued) return;
                    task.stage = RemoteTask::Stage::revoked;
                    ++pool.cancelled_;
                    ++pool.revoked_in_queue_;
                    task.retain();
                    *last = &task;
                    last = &task.next_revoked;
                });
            for (RootLane* const lane : pool.lanes_)
                for (std::size_t i = 1; i < lane->in_flight.size(); ++i) {
                    MpiTask& task = *lane->in_flight[i].first;
                    if (lane->in_flight[i].second != &pool || task.wanted_back) continue;
                    task.retain();
                    asked.emplace_back(&task, false);
                    task.wanted_back = true;
                    ask_back(*lane);
                }
            for (const RootLane* const lane : pool.lanes_) wait_for_recall(lock, *lane);
            for (auto& [task, came_back] : asked) {
                task->wanted_back = false;
                came_back = task->stage == RemoteTask::Stage::revoked;
            }
        }
    }
    wake();
    while (revoked) {
        RemoteTask* const task = std::exchange(revoked, revoked->next_revoked);
        tell_cancelled(static_cast<MpiTask&>(*task));
        task->end_cancelled();
        task->release();
    }
    for (const auto& [task, came_back] : asked) {
        if (came_back) {
            tell_cancelled(*task);
            task->end_cancelled();
        }
        task->release();
    }
}

inline bool MpiHub::wait_idle(MpiPool& pool, const Deadline& deadline) {
    if (fork_generation() != born_) return true;
    if (on_engine_thread())
        throw std::system_error(std::make_error_code(std::errc::resource_deadlock_would_occur),
                                "MPIPoolExecutor::wait_idle: called in a callback of this pool, which would wait for "
                                "itself; wait for futures instead");
    // The engine goes to sleep without a word, so this looks again now and then.
    constexpr std::chrono::milliseconds interval{1};
    return wait_for_change(
        deadline,
        [&] {
            // relaxed: with the lock. An engine that sleeps has told everybody.
            const bool told = asleep_.load(std::memory_order_relaxed) && endings_.empty() && telling_ == 0;
            return pool.ended_ ||
                   (told && pool.waiting() == 0 && !pool.intake_.has_tasks() && pool.in_flight_ == 0);
        },
        interval);
}

inline bool MpiHub::join(MpiPool& pool, const Deadline& deadline) {
    if (on_engine_thread() || fork_generation() != born_) return true;
    if (!wait_for_change(deadline, [&] { return pool.ended_; })) return false;
    retire_engine();
    return true;
}

inline MpiHub::Counts MpiHub::counts(MpiPool& pool) {
    if (fork_generation() != born_) return {};
    const std::lock_guard lock(mutex_);
    pool.intake_.move_to(pool.queue_);
    Counts counts{0, 0, 0, 0, pool.completed_, pool.failed_, pool.cancelled_};
    for (const auto& level : pool.queue_)
        level.for_each([&](const RemoteTask& task) { counts.pending += task.stage == RemoteTask::Stage::queued; });
    if (pool.ended_) return counts;
    for (const RootLane* const lane : pool.started_) {
        ++counts.workers;
        counts.idle += lane->in_flight.empty();
        for (std::size_t i = 0; i < lane->in_flight.size(); ++i)
            if (lane->in_flight[i].second == &pool) ++(i == 0 ? counts.running : counts.pending);
    }
    return counts;
}

inline void MpiHub::count_unreadable_result(MpiPool& pool) noexcept {
    const std::lock_guard lock(mutex_);
    --pool.completed_;
    ++pool.failed_;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
