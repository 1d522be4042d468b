// SPDX-License-Identifier: MIT
//
// lane_dispatcher.hpp: gives the tasks of MPI pools to the lanes of the ranks, and asks for them back.
//
//     dispatcher.hand_out(now);            // tasks to lanes that have room for them
//     dispatcher.recall_stuck();           // tasks behind one that takes long
//     dispatcher.next_recall()             // when to call it again, although no message comes
//     peers.ship_all();                    // what both want to send
//
// How many tasks a lane gets in advance: lane_pace.hpp. All with the engine's mutex.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <string>
#include <utility>

#include "concurrent/futures/detail/mpi/hub_tables.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/monotonic_clock.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class LaneDispatcher {
  public:
    explicit LaneDispatcher(HubTables& hub) noexcept : hub_(hub) {}

    /// Engine thread, in each step. What was submitted goes out some microseconds' worth at a time, unless a thread waits: a
    /// message costs as much as ten short tasks. True if something has happened.
    bool hand_out(std::int64_t now) {
        CONCURRENT_FUTURES_ASSERT(hub_.rule.writable());
        holds_back_ = hub_.awaited != 0 && now - handed_out_at_ < hand_out_interval && !hub_.sleep.is_watched();
        if (holds_back_) return false;
        const bool collected = collect();
        const bool any = dispatch() || collected;
        if (any) handed_out_at_ = now;
        return any;
    }
    /// Tasks that wait in a queue may go out in one of the next steps, although nothing happens until then: the engine does
    /// not sleep. Those that are still in an intake are news.
    bool holds_back() const noexcept {
        CONCURRENT_FUTURES_ASSERT(hub_.rule.locked());
        return holds_back_ && std::any_of(hub_.pools.begin(), hub_.pools.end(),
                                          [](const auto& pool) { return pool->queue.size() != 0; });
    }
    /// What was submitted goes to its queues. True if there was anything.
    bool collect() {
        CONCURRENT_FUTURES_ASSERT(hub_.rule.locked());
        bool any = false;
        for (const auto& pool : hub_.pools)
            if (pool->queue.intake.may_have_tasks()) {
                pool->queue.collect();
                any = true;
            }
        return any;
    }
    /// True if any task was given to a lane.
    bool dispatch() {
        CONCURRENT_FUTURES_ASSERT(hub_.rule.locked());
        bool any = false;
        for (const auto& pool : hub_.pools) {
            any |= dispatch(*pool, true);
            any |= dispatch(*pool, false);
        }
        return any;
    }
    /// Of one pool, to those of its lanes that are idle, or to the others.
    bool dispatch(MpiPool& pool, bool idle_lanes);
    /// The tasks that the lane has not started come back, and then a frame that says so. Throws std::bad_alloc when there is no
    /// memory for the message: then nothing has changed.
    void recall(RootLane& lane) {
        CONCURRENT_FUTURES_ASSERT(hub_.rule.locked());
        if (lane.recalling) return;
        lane.peer.out.add(FrameType::recall, 0, lane.number, {});  // first: there may be no memory for it
        lane.recalling = true;
        ++hub_.awaited;
        hub_.peers.ship(lane.peer);
    }
    /// A task of this pool waits behind the running one, whichever pool that is of.
    static bool keeps_task_of(const MpiPool& pool, const RootLane& lane) noexcept {
        const auto& tasks = lane.in_flight;
        return tasks.size() > 1 && std::any_of(tasks.begin() + 1, tasks.end(),
                                               [&](const RootLane::InFlight& each) { return each.pool == &pool; });
    }
    /// A lane that does not get on, or has much to do, keeps tasks that another one, which is idle, could run.
    void recall_stuck();
    /// When a lane that has such tasks does not get on any more, unless it answers before. Never: no lane has any.
    Deadline next_recall() const;

  private:
    static constexpr std::int64_t hand_out_interval = tuning::mpi_hand_out_interval;
    static constexpr std::int64_t stuck_after = tuning::mpi_stuck_after;
    static constexpr double much_work = tuning::mpi_much_work;
    static constexpr std::size_t full_batch = tuning::mpi_full_batch;

    static bool is_stuck(const RootLane& lane, std::int64_t now) noexcept {
        return now - lane.last_news > stuck_after || lane.pace.time_of(lane.in_flight.size()) > much_work;
    }
    /// Calls visit(lane) for lanes with tasks behind the running one which another lane of their pool could run.
    template <class Visit>
    void for_each_that_keeps_tasks(Visit visit) const;
    void give(MpiPool& pool, RootLane& lane, MpiTask& task);
    void introduce(MpiPool& pool, RootLane& lane);

    HubTables& hub_;
    std::size_t first_ = 0;  // the lane that is looked at first, in turn
    std::int64_t handed_out_at_ = 0;
    bool holds_back_ = false;  // the last step came too soon after that
    std::uint64_t last_id_ = 0;  // of a task on the wire
};

/// No lane gets more than its share of what waits.
inline bool LaneDispatcher::dispatch(MpiPool& pool, bool idle_lanes) {
    CONCURRENT_FUTURES_ASSERT(hub_.rule.locked());
    if (pool.queue.size() == 0 || pool.is_broken()) return false;
    const std::size_t lanes = pool.lanes.size();
    const std::size_t share = (std::max<std::size_t>)(1, pool.queue.size() / lanes);
    bool any = false;
    ++first_;
    for (std::size_t i = 0; i < lanes && pool.queue.size() != 0; ++i) {
        RootLane& lane = *pool.lanes[(first_ + i) % lanes];
        if (lane.recalling || lane.is_idle() != idle_lanes) continue;
        if (idle_lanes && !pool.knows(lane)) lane.pace.forget();  // its tasks may take longer than those of other pools
        // In this process nothing is sent in advance: to give a task costs no more than to take it back.
        const std::size_t window = hub_.peers.polls() ? lane.pace.window() : 1;
        for (std::size_t given = 0; given < share && lane.in_flight.size() < window; ++given) {
            MpiTask* const task = hub_.next_queued(pool);
            if (!task) break;
            give(pool, lane, *task);
            any = true;
        }
    }
    if (any && pool.is_bounded()) hub_.changed.notify_all();
    return any;
}

inline void LaneDispatcher::give(MpiPool& pool, RootLane& lane, MpiTask& task) {
    RootPeer& peer = lane.peer;
    try {
        if (!pool.knows(lane)) introduce(pool, lane);
        hub_.peers.lend(peer, task.call().regions.all());
        if (const std::string name = task.name(); !name.empty() && name.size() < bulk_from)
            peer.out.add(FrameType::task_name, 0, lane.number, std::as_bytes(std::span(name)));
        if (lane.is_idle()) lane.last_news = monotonic_nanoseconds();
        task.id = ++last_id_;
        lane.in_flight.push_back({&task, &pool});
        peer.out.add(FrameType::task, task.id, lane.number, task.call(), pool.number);
    } catch (...) {
        if (!lane.is_idle() && lane.in_flight.back().task == &task) lane.in_flight.pop_back();
        return hub_.fail(pool, task, std::current_exception());
    }
    task.stage = RemoteTask::Stage::sent;
    task.lane = &lane;
    MpiObserver::note_sent(task);
    ++pool.in_flight;
    ++hub_.awaited;
    if (peer.out.batch.size() > full_batch || !peer.out.bulks.empty()) hub_.peers.ship(peer);
}

/// The lane gets to know the pool.
inline void LaneDispatcher::introduce(MpiPool& pool, RootLane& lane) {
    pool.started.reserve(pool.started.size() + 1);  // nothing can fail between the message and the note that it was sent
    hub_.peers.lend(lane.peer, pool.settings().initializer.regions.all());
    lane.peer.out.add(FrameType::configure, 0, lane.number, pool.configuration, pool.number);
    pool.started.push_back(&lane);
    hub_.completions.add_worker(hub_.pools.find(pool), lane, true);
}

template <class Visit>
void LaneDispatcher::for_each_that_keeps_tasks(Visit visit) const {
    if (hub_.awaited < 2 || !hub_.peers.polls()) return;
    for (const auto& pool : hub_.pools) {
        if (pool->queue.size() != 0 || pool->in_flight == 0 || pool->lanes.size() < 2) continue;
        if (std::none_of(pool->lanes.begin(), pool->lanes.end(), [](const RootLane* lane) { return lane->is_idle(); }))
            continue;
        for (RootLane* const lane : pool->lanes)
            if (!lane->recalling && keeps_task_of(*pool, *lane)) visit(*lane);
    }
}

inline void LaneDispatcher::recall_stuck() {
    CONCURRENT_FUTURES_ASSERT(hub_.rule.writable());
    for_each_that_keeps_tasks([&](RootLane& lane) {
        if (is_stuck(lane, monotonic_nanoseconds())) recall(lane);
    });
}

inline Deadline LaneDispatcher::next_recall() const {
    CONCURRENT_FUTURES_ASSERT(hub_.rule.locked());
    std::int64_t oldest = 0;  // news of a lane that keeps tasks; 0: there is no such lane
    for_each_that_keeps_tasks([&](const RootLane& lane) {
        if (oldest == 0 || lane.last_news < oldest) oldest = lane.last_news;
    });
    if (oldest == 0) return Deadline::never();
    return Deadline::after(std::chrono::nanoseconds(oldest + stuck_after - monotonic_nanoseconds()));
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
