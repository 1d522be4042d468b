// SPDX-License-Identifier: MIT
//
// cancellation.hpp: here a task of a process pool is cancelled before it starts, alone or with all others.
//
// To revoke a task is to decide that it will not run where it is now. A cancelled task was revoked for good; the pool also
// revokes tasks that it takes back from one worker to give them to another one.
//
// A task that waits in the queue is cancelled with the mutex. One that was sent to a worker is cancelled on the control
// page, where exactly one of pool and worker wins. Threads: any, without the pool's mutex.
#pragma once

#include <mutex>
#include <utility>

#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/platform/fork_generation.hpp"
#include "concurrent/futures/detail/processes/pool_tables.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class Cancellation {
  public:
    /// In a child that was forked after `born`, where the mutex may have been copied locked, no task is revoked or runs.
    Cancellation(PoolTables& pool, const ForkMark& born) noexcept : pool_(pool), born_(born) {}

    /// True to one caller: the task will not run and is the caller's to end as cancelled.
    bool revoke(RemoteTask& task) {
        if (born_.in_forked_child()) return false;
        ByteBuffer unsent;      // both are freed without the mutex
        RemoteTaskQueue spent;
        {
            const std::lock_guard lock(pool_.mutex);
            const bool was_queued = task.stage == RemoteTask::Stage::queued;
            const bool won =
                was_queued || (task.stage == RemoteTask::Stage::sent && task.worker->try_revoke(task));
            if (!won) return false;
            task.stage = RemoteTask::Stage::revoked;
            ++pool_.completions.counts().cancelled;
            if (was_queued) {
                unsent = task.take_unsent_call();
                pool_.queue.note_cancelled();
                spent = pool_.queue.take_cancelled();
                if (pool_.settings.max_pending != 0) pool_.room.notify_one();
            }
        }
        while (RemoteTask* const cancelled = spent.try_pop()) cancelled->release();
        pool_.observer.tell_cancelled(task);
        return true;
    }
    bool is_revoked(const RemoteTask& task) const {
        if (born_.in_forked_child()) return false;
        const std::lock_guard lock(pool_.mutex);
        return task.stage == RemoteTask::Stage::revoked;
    }
    bool is_running(const RemoteTask& task) const {
        if (born_.in_forked_child()) return false;
        const std::lock_guard lock(pool_.mutex);
        if (task.stage == RemoteTask::Stage::ended) return true;  // its result is being delivered
        if (task.stage != RemoteTask::Stage::sent) return false;
        const SlotState seen = task.worker->page().state(task.slot, task.id);
        return seen == SlotState::running || seen == SlotState::done;
    }
    /// With the mutex: revokes every task that has not started. For end_revoked(), which ends their futures without the
    /// mutex.
    RevokedTasks revoke_all_unstarted() noexcept {
        CONCURRENT_FUTURES_ASSERT(pool_.rule.locked());
        RevokedTasks revoked;
        const auto note = [&](RemoteTask& task) {
            task.stage = RemoteTask::Stage::revoked;
            ++pool_.completions.counts().cancelled;
            task.retain();
            revoked.push_back(task);
        };
        pool_.queue.for_each_waiting([&](RemoteTask& task) {
            note(task);
            pool_.queue.note_cancelled();
        });
        for (const auto& link : pool_.workers)
            for (const InFlight& entry : link->tasks.table())
                if (entry.task && entry.task->stage == RemoteTask::Stage::sent &&
                    entry.task->worker == link.get() && link->try_revoke(*entry.task))
                    note(*entry.task);
        return revoked;
    }
    void end_revoked(RevokedTasks revoked) noexcept {
        CONCURRENT_FUTURES_ASSERT(pool_.rule.unlocked());  // user code runs
        while (RemoteTask* const task = revoked.try_pop()) {
            pool_.observer.tell_cancelled(*task);
            task->end_cancelled();
            task->release();
        }
    }

  private:
    PoolTables& pool_;
    const ForkMark& born_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
