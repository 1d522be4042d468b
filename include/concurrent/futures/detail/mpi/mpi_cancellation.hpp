// SPDX-License-Identifier: MIT
//
// mpi_cancellation.hpp: here a task of an MPI pool is cancelled before it starts, alone or with all others.
//
// A task that waits in the queue is cancelled with the mutex. One that was sent to a lane and is not the first there is
// asked back: the rank decides whether it has started it. The thread that cancels waits for that answer. The engine thread,
// in a callback, makes the engine's steps meanwhile: `make_progress()` does one and returns true there; in other threads it
// wakes the engine and returns false. Threads: any, without the engine's mutex, but where it says otherwise.
#pragma once

#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/mpi/hub_tables.hpp"
#include "concurrent/futures/detail/mpi/lane_dispatcher.hpp"
#include "concurrent/futures/detail/state/shared_state.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class MpiCancellation {
  public:
    /// Tasks that will not run, whose futures are to be ended without the mutex.
    struct Revoked {
        RevokedTasks queued{};
        std::vector<MpiTask*> sent{};  // those that have started are still among them
    };

    MpiCancellation(HubTables& hub, LaneDispatcher& dispatcher) noexcept : hub_(hub), dispatcher_(dispatcher) {}

    /// True to one caller: the task will not run and is the caller's to end as cancelled.
    template <class MakeProgress>
    bool revoke(MpiPool& pool, MpiTask& task, MakeProgress make_progress) {
        CONCURRENT_FUTURES_ASSERT(hub_.rule.unlocked());
        const bool won = take_out(pool, task, make_progress);
        if (won) MpiObserver::tell_cancelled(task);
        return won;
    }
    bool is_revoked(const MpiTask& task) const {
        const std::lock_guard lock(hub_.mutex);
        return task.stage == RemoteTask::Stage::revoked;
    }
    bool is_running(const MpiTask& task) const {
        const std::lock_guard lock(hub_.mutex);
        if (task.stage == RemoteTask::Stage::ended) return true;  // its result is being delivered
        return task.stage == RemoteTask::Stage::sent && task.lane && task.lane->is_running(task);
    }
    /// Asks a running task to stop. False: it is not running; it may have gone back to the queue. Throws
    /// std::invalid_argument if it takes no std::stop_token.
    bool request_stop(MpiTask& task);

    /// With the lock, which it lets go of meanwhile: every task of the pool that has not started.
    template <class MakeProgress>
    Revoked revoke_all_unstarted(HubTables::Lock& lock, MpiPool& pool, MakeProgress make_progress);
    void end_revoked(Revoked revoked) noexcept;

  private:
    template <class MakeProgress>
    bool take_out(MpiPool& pool, MpiTask& task, MakeProgress make_progress);
    template <class MakeProgress>
    void wait_for_recall(HubTables::Lock& lock, const RootLane& lane, MakeProgress make_progress);

    HubTables& hub_;
    LaneDispatcher& dispatcher_;
};

template <class MakeProgress>
bool MpiCancellation::take_out(MpiPool& pool, MpiTask& task, MakeProgress make_progress) {
    ByteBuffer unsent;      // both are freed without the mutex
    RemoteTaskQueue spent;
    HubTables::Lock lock(hub_.mutex);
    for (bool asked = false;;) {
        if (task.stage == RemoteTask::Stage::queued) {
            task.stage = RemoteTask::Stage::revoked;
            ++pool.cancelled;
            unsent = task.take_unsent_call();
            pool.queue.note_cancelled();
            spent = pool.queue.take_cancelled();
            if (pool.is_bounded()) hub_.changed.notify_all();
            lock.unlock();
            while (RemoteTask* const cancelled = spent.try_pop()) cancelled->release();
            return true;
        }
        if (asked && task.stage == RemoteTask::Stage::revoked) return true;
        if (asked) task.wanted_back = false;
        if (task.stage != RemoteTask::Stage::sent || !task.lane) return false;
        RootLane& lane = *task.lane;
        if (asked || lane.is_running(task)) return false;
        if (task.wanted_back) return wait_for_recall(lock, lane, make_progress), false;  // it is for another caller
        dispatcher_.recall(lane);
        asked = task.wanted_back = true;
        wait_for_recall(lock, lane, make_progress);
    }
}

template <class MakeProgress>
void MpiCancellation::wait_for_recall(HubTables::Lock& lock, const RootLane& lane, MakeProgress make_progress) {
    CONCURRENT_FUTURES_ASSERT(hub_.rule.locked());
    while (lane.recalling) {
        lock.unlock();
        // The engine thread may be in a callback that waits for what this thread has put off.
        Trampoline::catch_up();
        const bool worked = make_progress();
        lock.lock();
        if (!worked) hub_.changed.wait(lock, [&] { return !lane.recalling; });
    }
}

inline bool MpiCancellation::request_stop(MpiTask& task) {
    const std::lock_guard lock(hub_.mutex);
    if (task.stage == RemoteTask::Stage::ended) return true;
    if (task.stage != RemoteTask::Stage::sent || !task.lane) return false;
    if (!task.takes_stop_token)
        throw std::invalid_argument(
            "Future::request_stop: MPI cannot stop a task that takes no std::stop_token, since a rank that is killed "
            "ends the whole job; give the callable a std::stop_token as its first parameter");
    RootLane& lane = *task.lane;
    if (lane.find(task.id) == lane.in_flight.end()) return false;  // given back
    lane.peer.out.add(FrameType::ask_to_stop, task.id, lane.number, {});
    hub_.peers.ship(lane.peer);
    return true;
}

template <class MakeProgress>
MpiCancellation::Revoked MpiCancellation::revoke_all_unstarted(HubTables::Lock& lock, MpiPool& pool,
                                                               MakeProgress make_progress) {
    CONCURRENT_FUTURES_ASSERT(hub_.rule.locked());
    Revoked revoked;
    // What needs memory comes first: without it nothing has changed.
    std::size_t most = 0;
    for (const RootLane* const lane : pool.lanes) most += lane->in_flight.size() + lane->returned.size();
    revoked.sent.reserve(most);
    for (RootLane* const lane : pool.lanes)
        if (LaneDispatcher::keeps_task_of(pool, *lane)) dispatcher_.recall(*lane);
    pool.queue.for_each_waiting([&](RemoteTask& task) {
        task.stage = RemoteTask::Stage::revoked;
        ++pool.cancelled;
        pool.queue.note_cancelled();
        task.retain();
        revoked.queued.push_back(task);
    });
    for (RootLane* const lane : pool.lanes)
        for (std::size_t i = 1; i < lane->in_flight.size(); ++i) {
            MpiTask& task = *lane->in_flight[i].task;
            if (lane->in_flight[i].pool != &pool || task.wanted_back) continue;
            revoked.sent.push_back(&task);
            task.retain();
            task.wanted_back = true;
        }
    for (RootLane* const lane : pool.lanes)
        for (const auto& [task, owner] : lane->returned) {
            if (owner != &pool || task->wanted_back) continue;
            revoked.sent.push_back(task);
            task->retain();
            task->wanted_back = true;
        }
    for (const RootLane* const lane : pool.lanes) wait_for_recall(lock, *lane, make_progress);
    std::erase_if(revoked.sent, [](MpiTask* task) {
        task->wanted_back = false;
        if (task->stage == RemoteTask::Stage::revoked) return false;
        task->release();
        return true;
    });
    return revoked;
}

inline void MpiCancellation::end_revoked(Revoked revoked) noexcept {
    CONCURRENT_FUTURES_ASSERT(hub_.rule.unlocked());  // user code runs
    const auto end = [](MpiTask& task) {
        MpiObserver::tell_cancelled(task);
        task.end_cancelled();
        task.release();
    };
    while (RemoteTask* const task = revoked.queued.try_pop()) end(static_cast<MpiTask&>(*task));
    for (MpiTask* const task : revoked.sent) end(*task);
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
