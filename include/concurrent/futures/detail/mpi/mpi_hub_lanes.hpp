// SPDX-License-Identifier: MIT
//
// mpi_hub_lanes.hpp: calls out to the lanes of the ranks, and what comes back. All with the hub's mutex.
// Included by mpi_hub.hpp, where the class and its picture are.
#pragma once

#include <algorithm>

#include "concurrent/futures/detail/memory/shared_region.hpp"
#include "concurrent/futures/detail/mpi/mpi_hub.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

inline bool MpiHub::dispatch() {
    bool progress = false;
    for (const auto& pool : pools_) {
        progress |= dispatch(*pool, true);
        progress |= dispatch(*pool, false);
    }
    return progress;
}

/// Lanes with nothing to do come first, and none gets more than its share of what waits.
inline bool MpiHub::dispatch(MpiPool& pool, bool idle_lanes_only) {
    if (pool.queued() == 0 || !pool.broken_.empty()) return false;
    const std::size_t lanes = pool.lanes_.size();
    const std::size_t share = (std::max<std::size_t>)(1, pool.queued() / lanes);
    bool progress = false;
    ++first_lane_;
    for (std::size_t i = 0; i < lanes && pool.queued() != 0; ++i) {
        RootLane& lane = *pool.lanes_[(first_lane_ + i) % lanes];
        if (lane.recalling || lane.in_flight.empty() != idle_lanes_only) continue;
        // In this process nothing is sent ahead: giving a call costs no more than taking it back.
        const std::size_t window = port_->needs_polling() ? lane.window() : 1;
        for (std::size_t given = 0; given < share && lane.in_flight.size() < window; ++given) {
            MpiTask* const task = next_queued(pool);
            if (!task) break;
            give(pool, lane, *task);
            progress = true;
        }
    }
    if (progress && pool.settings_.max_pending != 0) changed_.notify_all();
    return progress;
}

inline MpiTask* MpiHub::next_queued(MpiPool& pool) {
    for (std::size_t level = pool.queue_.size(); level-- > 0;)
        while (!pool.queue_[level].empty()) {
            auto& task = static_cast<MpiTask&>(pool.queue_[level].pop_front());
            if (task.stage == RemoteTask::Stage::queued) return &task;
            --pool.revoked_in_queue_;
            endings_.release(task);
        }
    return nullptr;
}

inline void MpiHub::give(MpiPool& pool, RootLane& lane, MpiTask& task) {
    RootPeer& peer = *lane.peer;
    try {
        if (std::find(pool.started_.begin(), pool.started_.end(), &lane) == pool.started_.end()) {
            pool.started_.push_back(&lane);
            observe_worker(pool, lane, Notice::Kind::worker_started);
            if (lane.in_flight.empty()) lane.mean = 0;  // of another pool's calls
            lend(peer, pool.settings_.initializer.named());
            peer.out.add(FrameType::configure, 0, lane.number, pool.configuration_, pool.number_);
        }
        lend(peer, task.call().named());
        if (const std::string name = task.name(); !name.empty() && name.size() < bulk_from)
            peer.out.add(FrameType::task_name, 0, lane.number, std::as_bytes(std::span(name)));
        if (lane.in_flight.empty()) lane.last_news = monotonic_nanoseconds();
        task.id = ++last_id_;
        lane.in_flight.emplace_back(&task, &pool);
        peer.out.add(FrameType::task, task.id, lane.number, task.call(), pool.number_);
    } catch (...) {
        if (!lane.in_flight.empty() && lane.in_flight.back().first == &task) lane.in_flight.pop_back();
        ++pool.failed_;
        return fail(task, std::current_exception());
    }
    task.stage = RemoteTask::Stage::sent;
    task.lane = &lane;
    if (task.watched_by) {
        task.sent_at = monotonic_nanoseconds();
        set_waiting(task, false);
    }
    ++pool.in_flight_;
    ++in_flight_;
    constexpr std::size_t full = 64 * 1024;
    if (peer.out.batch.size() > full || !peer.out.bulks.empty()) ship(peer);
}

/// Sends what the rank has not got, once.
inline void MpiHub::lend(RootPeer& peer, std::span<const std::shared_ptr<SharedRegion>> regions) {
    if (!port_->needs_polling()) return;  // the rank is this process
    for (const auto& region : regions) {
        const RegionNumber number = region->name().number;
        if (std::find(peer.lent.begin(), peer.lent.end(), number) != peer.lent.end()) continue;
        peer.out.add(FrameType::region, 0, 0, std::as_bytes(std::span(&region->name(), 1)));
        peer.out.add(FrameType::memory, 0, 0, region->bytes());
        SharedRegions::instance().give_out(number, [](const SharedRegion&) {});
        peer.lent.push_back(number);
        ship(peer);
    }
}

inline void MpiHub::forget_dead_regions() {
    const std::uint64_t deaths = SharedRegions::instance().deaths();
    if (std::exchange(region_deaths_, deaths) == deaths) return;
    for (const auto& peer : peers_)
        std::erase_if(peer->lent, [&](const RegionNumber& number) {
            if (SharedRegions::instance().knows(number)) return false;
            peer->out.add(FrameType::forget, 0, 0, std::as_bytes(std::span(&number, 1)));
            return true;
        });
}

inline void MpiHub::ship(RootPeer& peer) {
    if (!peer.out.empty()) port_->send(peer.place, std::exchange(peer.out, {}));
}
inline void MpiHub::ship_all() {
    for (const auto& peer : peers_) ship(*peer);
}

/// One message. True if there was something. The next one waits for the next step: to look in vain may cost the
/// processor, since MPI yields then if it runs more ranks than processors.
inline bool MpiHub::receive() {
    bool progress = false;
    std::size_t place = 0;
    if (port_->poll(place))
        while (auto frame = port_->next(place)) {
            receive(*peers_[place], *frame);
            progress = true;
        }
    if (progress) {
        last_news_ = monotonic_nanoseconds();
        looks_ = 0;
    }
    return progress;
}

inline void MpiHub::receive(RootPeer& peer, ReceivedFrame& frame) {
    const FrameHeader& header = frame.header;
    if (header.slot >= peer.lanes.size()) throw SerializationError("a rank names a lane that it does not have");
    RootLane& lane = *peer.lanes[header.slot];
    const auto pool = std::find_if(pools_.begin(), pools_.end(),
                                   [&](const auto& each) { return each->number_ == header.task; });
    const auto add_notice = [&](Notice::Kind kind) {
        if (pool != pools_.end())
            notices_.push_back({.kind = kind, .pool = *pool, .peer = &peer, .body = with_origin(frame.body, peer.origin)});
    };
    switch (header.type) {
        case FrameType::result:
        case FrameType::exception:
            return receive_end(lane, frame);
        case FrameType::skipped:
            return take_back(lane, header.task);
        case FrameType::recalled:
            --in_flight_;
            lane.recalling = false;
            lane.has_been_recalled();
            while (!lane.returned.empty()) {
                const auto [task, owner] = lane.returned.back();
                lane.returned.pop_back();
                put_back(*owner, *task);
            }
            changed_.notify_all();
            return;
        case FrameType::ready:
            return;
        case FrameType::start_failed:
            return add_notice(Notice::Kind::start_failed);
        case FrameType::left:
            --in_flight_;
            if (pool != pools_.end()) --(*pool)->leaving_;
            if (!frame.body.empty()) add_notice(Notice::Kind::exit_failed);
            if (pool != pools_.end()) observe_worker(**pool, lane, Notice::Kind::worker_ended);
            return;
        default:
            throw SerializationError("the root of an MPI pool got a frame that is not for it");
    }
}

inline void MpiHub::receive_end(RootLane& lane, ReceivedFrame& frame) {
    if (lane.in_flight.empty() || lane.in_flight.front().first->id != frame.header.task)
        throw SerializationError("a rank ended a task that it was not given");
    MpiTask& task = *lane.in_flight.front().first;
    MpiPool& pool = *lane.in_flight.front().second;
    lane.in_flight.pop_front();
    --pool.in_flight_;
    --in_flight_;
    lane.held = false;
    lane.last_news = last_news_;
    const auto took = static_cast<double>(frame.header.reserved_too);
    if (lane.in_flight.empty() && pool.queued() != 0 && lane.mean != 0) lane.has_starved();
    lane.mean = lane.mean == 0 ? (std::max)(took, 1.0) : lane.mean + (took - lane.mean) / 8;
    const bool failed = frame.header.type == FrameType::exception;
    if (failed && task.limits.retries > 0 && pool.broken_.empty()) {
        --task.limits.retries;
        task.stage = RemoteTask::Stage::queued;
        observe_run(lane, task, frame.header.reserved_too, Observation::Kind::retried);
        set_waiting(task, true);
        pool.queue_[task.level].push_back(task);
        return;
    }
    ++(failed ? pool.failed_ : pool.completed_);
    task.stage = RemoteTask::Stage::ended;
    observe_run(lane, task, frame.header.reserved_too, failed ? Observation::Kind::failed : Observation::Kind::completed);
    try {
        if (failed) {
            task.ending.body = with_origin(frame.body, lane.peer->origin);
            task.ending.pid = static_cast<int>(port_->card(lane.peer->place).pid);
        } else if (frame.batch) {
            task.keep_answer(ByteBuffer::of_lent({const_cast<std::byte*>(frame.body.data()), frame.body.size()}));
        } else {
            task.ending.body = std::move(frame.bulk);
        }
    } catch (...) {
        return fail(task, std::current_exception());
    }
    endings_.add(task, failed ? Ending::Kind::exception : Ending::Kind::result);
}

/// A rank will not run it.
inline void MpiHub::take_back(RootLane& lane, std::uint64_t id) {
    const auto place = std::find_if(lane.in_flight.begin(), lane.in_flight.end(),
                                    [&](const auto& entry) { return entry.first->id == id; });
    if (place == lane.in_flight.end()) throw SerializationError("a rank gave back a task that it was not given");
    const auto entry = *place;
    lane.in_flight.erase(place);
    --entry.second->in_flight_;
    --in_flight_;
    entry.first->lane = nullptr;
    if (lane.recalling)
        lane.returned.push_back(entry);
    else
        put_back(*entry.second, *entry.first);
}

inline void MpiHub::put_back(MpiPool& pool, MpiTask& task) {
    if (task.wanted_back) {
        task.stage = RemoteTask::Stage::revoked;
        ++pool.cancelled_;
        endings_.release(task);
        return;
    }
    if (!pool.broken_.empty()) {
        ++pool.failed_;
        return fail(task, std::make_exception_ptr(BrokenProcessPool(pool.broken_)));
    }
    task.stage = RemoteTask::Stage::queued;
    set_waiting(task, true);
    pool.queue_[task.level].push_front(task);
}

/// A lane that does not get on, or has much to do, keeps calls that another one, which has nothing to do, could run.
inline void MpiHub::recall_stuck() {
    if (in_flight_ < 2 || !port_->needs_polling()) return;
    for (const auto& pool : pools_) {
        if (pool->queued() != 0 || pool->in_flight_ < 2 || pool->lanes_.size() < 2) continue;
        const bool some_idle = std::any_of(pool->lanes_.begin(), pool->lanes_.end(),
                                           [](const RootLane* lane) { return lane->in_flight.empty(); });
        if (!some_idle) continue;
        const std::int64_t now = monotonic_nanoseconds();
        for (RootLane* const lane : pool->lanes_)
            if (lane->in_flight.size() > 1 &&
                (now - lane->last_news > stuck_after ||
                 static_cast<double>(lane->in_flight.size()) * lane->mean > much_work))
                ask_back(*lane);
    }
}

/// Pools that are shut down and have nothing to do: their lanes run worker_exit.
inline void MpiHub::end_pools() {
    if (telling_ != 0) return;
    for (const auto& pool : pools_) {
        if (!pool->closed_ || pool->leaves_ || pool->in_flight_ != 0) continue;
        if (pool->queued() != 0) {
            if (pool->waiting() != 0) continue;
            static_cast<void>(next_queued(*pool));  // drops those that are revoked
        }
        pool->leaves_ = true;
        for (RootLane* const lane : pool->started_) {
            lane->peer->out.add(FrameType::stop, pool->number_, lane->number, {}, pool->number_);
            ++pool->leaving_;
            ++in_flight_;
        }
    }
}

inline void MpiHub::break_pool(MpiPool& pool, const std::string& reason) noexcept {
    if (!pool.broken_.empty()) return;
    pool.broken_ = reason;
    pool.intake_.close();
    pool.intake_.move_to(pool.queue_);
    while (MpiTask* const task = next_queued(pool)) {
        ++pool.failed_;
        fail(*task, std::make_exception_ptr(BrokenProcessPool(reason)));
    }
    changed_.notify_all();
}

/// MPI does not work any more: nothing that was sent will be answered.
inline void MpiHub::break_all(const std::string& reason) noexcept {
    if (broken_.empty()) broken_ = reason;
    for (const auto& pool : pools_) {
        break_pool(*pool, reason);
        pool->leaving_ = 0;
    }
    for (const auto& peer : peers_) {
        peer->out = Outgoing();
        for (const auto& lane : peer->lanes) {
            lane->recalling = false;
            for (auto* const list : {&lane->in_flight, &lane->returned}) {
                for (const auto& [task, pool] : *list) {
                    ++pool->failed_;
                    fail(*task, std::make_exception_ptr(BrokenProcessPool(reason)));
                }
                list->clear();
            }
        }
    }
    for (const auto& pool : pools_) {
        pool->in_flight_ = 0;
        pool->started_.clear();
    }
    in_flight_ = 0;
    changed_.notify_all();
}

inline void MpiHub::fail(MpiTask& task, std::exception_ptr error) noexcept {
    if (task.stage != RemoteTask::Stage::ended) {
        set_waiting(task, false);
        observe(task, Observation::Kind::cancelled, monotonic_nanoseconds(), nullptr);
    }
    task.stage = RemoteTask::Stage::ended;
    task.ending.error = std::move(error);
    endings_.add(task, Ending::Kind::failure);
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
