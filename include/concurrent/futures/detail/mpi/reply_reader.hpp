// SPDX-License-Identifier: MIT
//
// reply_reader.hpp: takes in what the ranks answer to the root of MPI pools: results, tasks that they give back, failures.
//
//     if (replies.receive()) …        // one message; its tasks are in the queue or in the completions now
//
// All with the engine's mutex. Throws SerializationError for frames that cannot be: then MPI pools cannot go on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <utility>

#include "concurrent/futures/detail/mpi/hub_tables.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class ReplyReader {
  public:
    explicit ReplyReader(HubTables& hub) noexcept : hub_(hub) {}

    /// True if there was a message.
    bool receive() {
        CONCURRENT_FUTURES_ASSERT(hub_.rule.locked());
        const bool any =
            hub_.peers.receive([this](RootPeer& peer, ReceivedFrame& frame) { take(peer, frame); });
        if (any) hub_.sleep.note_news();
        return any;
    }

  private:
    void take(RootPeer& peer, ReceivedFrame& frame);
    void end_task(RootLane& lane, ReceivedFrame& frame);
    void keep_outcome(const RootLane& lane, MpiTask& task, ReceivedFrame& frame) noexcept;
    void take_back(RootLane& lane, std::uint64_t id);
    void end_recall(RootLane& lane);
    void put_back(MpiPool& pool, MpiTask& task);
    void note_failure(const RootPeer& peer, const ReceivedFrame& frame, MpiCompletions::Notice::Kind kind);

    HubTables& hub_;
};

inline void ReplyReader::take(RootPeer& peer, ReceivedFrame& frame) {
    using Kind = MpiCompletions::Notice::Kind;
    const FrameHeader& header = frame.header;
    if (header.slot >= peer.lanes.size()) throw SerializationError("a rank names a lane that it does not have");
    RootLane& lane = *peer.lanes[header.slot];
    switch (header.type) {
        case FrameType::result:
        case FrameType::exception:
            return end_task(lane, frame);
        case FrameType::skipped:
            return take_back(lane, header.task);
        case FrameType::recalled:
            return end_recall(lane);
        case FrameType::ready:
            return;
        case FrameType::start_failed:
            return note_failure(peer, frame, Kind::start_failed);
        case FrameType::left: {
            --hub_.awaited;
            if (!frame.body.empty()) note_failure(peer, frame, Kind::exit_failed);
            const auto pool = hub_.pools.find(static_cast<std::uint32_t>(header.task));
            if (pool) --pool->leaving;
            return hub_.completions.add_worker(pool, lane, false);
        }
        default:
            throw SerializationError("the root of an MPI pool got a frame that is not for it");
    }
}

inline void ReplyReader::note_failure(const RootPeer& peer, const ReceivedFrame& frame,
                                      MpiCompletions::Notice::Kind kind) {
    if (auto pool = hub_.pools.find(static_cast<std::uint32_t>(frame.header.task)))
        hub_.completions.add({.kind = kind,
                              .pool = std::move(pool),
                              .peer = &peer,
                              .body = with_origin(frame.body, peer.origin)});
}

inline void ReplyReader::end_task(RootLane& lane, ReceivedFrame& frame) {
    MpiTask* const task = lane.running(frame.header.task);
    if (!task) throw SerializationError("a rank ended a task that it was not given");
    MpiPool& pool = *lane.in_flight.front().pool;
    lane.in_flight.pop_front();
    --pool.in_flight;
    --hub_.awaited;
    lane.last_news = hub_.sleep.last_news();
    if (lane.is_idle() && pool.queue.size() != 0) lane.pace.note_dry();
    const std::uint32_t took = frame.header.reserved_too;
    lane.pace.note_end(took);
    const bool failed = frame.header.type == FrameType::exception;
    if (failed && task->limits.retries > 0 && !pool.is_broken()) {
        --task->limits.retries;
        MpiObserver::note_run(lane, *task, took, Observation::Kind::retried);
        return hub_.put_back(pool, *task);
    }
    ++(failed ? pool.failed : pool.completed);
    task->stage = RemoteTask::Stage::ended;
    MpiObserver::note_run(lane, *task, took, failed ? Observation::Kind::failed : Observation::Kind::completed);
    keep_outcome(lane, *task, frame);
}

inline void ReplyReader::keep_outcome(const RootLane& lane, MpiTask& task, ReceivedFrame& frame) noexcept {
    const bool failed = frame.header.type == FrameType::exception;
    try {
        if (failed) {
            task.ending.body = with_origin(frame.body, lane.peer.origin);
            task.ending.pid = lane.peer.pid();
        } else if (frame.batch) {
            task.keep_answer(ByteBuffer::of_lent({const_cast<std::byte*>(frame.body.data()), frame.body.size()}));
        } else {
            task.ending.body = std::move(frame.bulk);
        }
    } catch (...) {
        task.ending.error = std::current_exception();
        return hub_.completions.end(task, Ending::Kind::failure);
    }
    hub_.completions.end(task, failed ? Ending::Kind::exception : Ending::Kind::result);
}

/// The rank will not run it.
inline void ReplyReader::take_back(RootLane& lane, std::uint64_t id) {
    const auto place = lane.find(id);
    if (place == lane.in_flight.end()) throw SerializationError("a rank gave back a task that it was not given");
    const RootLane::InFlight entry = *place;
    // Until the recall is over the pool counts it as in flight, so that it does not end without this task.
    if (lane.recalling) lane.returned.push_back(entry);
    lane.in_flight.erase(place);
    --hub_.awaited;
    if (!lane.recalling) put_back(*entry.pool, *entry.task);
}

/// The last one first, so that they stand in the queue as they stood before.
inline void ReplyReader::end_recall(RootLane& lane) {
    --hub_.awaited;
    lane.recalling = false;
    lane.pace.note_recall();
    while (!lane.returned.empty()) {
        const auto [task, pool] = lane.returned.back();
        lane.returned.pop_back();
        put_back(*pool, *task);
    }
    hub_.changed.notify_all();
}

inline void ReplyReader::put_back(MpiPool& pool, MpiTask& task) {
    --pool.in_flight;
    task.lane = nullptr;
    if (task.wanted_back) {
        task.stage = RemoteTask::Stage::revoked;
        ++pool.cancelled;
        return hub_.completions.release(task);
    }
    if (pool.is_broken())
        return hub_.fail(pool, task, error_or_why_not([&] { return BrokenProcessPool(pool.broken); }));
    hub_.put_back(pool, task);
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
