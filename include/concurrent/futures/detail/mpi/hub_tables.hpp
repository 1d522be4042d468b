// SPDX-License-Identifier: MIT
//
// hub_tables.hpp: what the parts of the engine of MPI pools share, and what may become of a task in it.
//
// `mutex` guards the members, except what the classes say of themselves. The parts that work on the tables hold a reference
// to them: LaneDispatcher, ReplyReader, PoolCloser, MpiDirectPath, MpiCancellation and MpiRoom. MpiHub owns these parts and
// the thread.
//
// Every task ends on every path: its result is delivered, or MPI fails, or the pool breaks, or it is cancelled. So that
// this cannot fail, moving a task from one place to another allocates nothing: links and outcome are in the task.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
#include <string>
#include <utility>

#include "concurrent/futures/detail/mpi/engine_sleep.hpp"
#include "concurrent/futures/detail/mpi/mpi_completions.hpp"
#include "concurrent/futures/detail/mpi/mpi_observer.hpp"
#include "concurrent/futures/detail/mpi/mpi_pools.hpp"
#include "concurrent/futures/detail/mpi/root_peers.hpp"
#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/platform/lock_rule.hpp"
#include "concurrent/futures/detail/state/without_memory.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

struct HubTables {
    using Lock = std::unique_lock<std::mutex>;

    HubTables() = default;
    HubTables(const HubTables&) = delete;
    HubTables& operator=(const HubTables&) = delete;

    mutable std::mutex mutex;
    LockRule rule{mutex};  // MpiHub begins it
    EngineSleep sleep{rule};
    RootPeers peers{rule};
    MpiPools pools{rule};
    MpiCompletions completions{rule};
    std::size_t awaited = 0;  // answers of lanes: tasks in flight, recalls, lanes that leave
    std::string broken;       // MPI has failed: why; or empty
    std::condition_variable changed;  // a recall is over, a pool has ended, there is room

    // All below with the mutex.

    bool is_broken() const noexcept {
        CONCURRENT_FUTURES_ASSERT(rule.locked());
        return !broken.empty();
    }
    /// The first task that is still wanted, which leaves the queue; null if there is none.
    MpiTask* next_queued(MpiPool& pool) {
        CONCURRENT_FUTURES_ASSERT(rule.locked());
        return static_cast<MpiTask*>(
            pool.queue.next([this](RemoteTask& cancelled) { completions.release(cancelled); }));
    }
    /// Messages may come.
    bool expects_messages() const noexcept {
        return peers.polls() && !is_broken() && (awaited != 0 || peers.is_moving());
    }

    // What may become of a task.

    /// It goes back to the front of the queue.
    void put_back(MpiPool& pool, MpiTask& task) noexcept {
        CONCURRENT_FUTURES_ASSERT(rule.locked());
        MpiObserver::set_waiting(task, true);
        task.lane = nullptr;
        pool.queue.put_back(task);
    }
    void fail(MpiPool& pool, MpiTask& task, std::exception_ptr error) noexcept {
        CONCURRENT_FUTURES_ASSERT(rule.locked());
        if (task.stage != RemoteTask::Stage::ended) MpiObserver::note_not_run(task);
        ++pool.failed;
        task.stage = RemoteTask::Stage::ended;
        task.ending.error = std::move(error);
        completions.end(task, Ending::Kind::failure);
    }
    /// Fails the tasks that wait; submit() throws from here on.
    void break_pool(MpiPool& pool, const std::string& reason) noexcept;
    /// MPI does not work any more: nothing that was sent will be answered.
    void break_all(const std::string& reason) noexcept;
    /// Drops the tasks whose bytes break_all() has kept. Without the mutex, when no rank reads them any more.
    void release_abandoned() noexcept {
        std::unique_lock lock(mutex);
        peers.for_each_lane([&](RootLane& lane) {
            while (!lane.abandoned.empty()) {
                MpiTask* const task = lane.abandoned.front().task;
                lane.abandoned.pop_front();
                lock.unlock();
                task->release();
                lock.lock();
            }
        });
    }
};

inline void HubTables::break_pool(MpiPool& pool, const std::string& reason) noexcept {
    CONCURRENT_FUTURES_ASSERT(rule.locked());
    if (pool.is_broken()) return;
    pool.broken = text_or_why_not([&] { return reason; });
    pool.queue.close();
    // One exception object for each task, so that no two threads share one.
    while (MpiTask* const task = next_queued(pool))
        fail(pool, *task, error_or_why_not([&] { return BrokenProcessPool(reason); }));
    changed.notify_all();
}

inline void HubTables::break_all(const std::string& reason) noexcept {
    CONCURRENT_FUTURES_ASSERT(rule.locked());
    if (!is_broken()) broken = text_or_why_not([&] { return reason; });
    peers.drop_unsent();
    for (const auto& pool : pools) break_pool(*pool, reason);
    peers.for_each_lane([&](RootLane& lane) {
        lane.recalling = false;
        for (auto* const list : {&lane.in_flight, &lane.returned})
            for (const auto& [task, pool] : *list)
                fail(*pool, *task, error_or_why_not([&] { return BrokenProcessPool(reason); }));
        lane.returned.clear();
        if (lane.is_idle()) return;  // as when all was broken before: keeps what was abandoned then
        for (const auto& [task, pool] : lane.in_flight) task->retain();
        lane.abandoned.swap(lane.in_flight);
    });
    for (const auto& pool : pools) {
        pool->in_flight = pool->leaving = 0;
        pool->started.clear();
    }
    awaited = 0;
    changed.notify_all();
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
