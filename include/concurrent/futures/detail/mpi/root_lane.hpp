// SPDX-License-Identifier: MIT
//
// root_lane.hpp: what the root knows of a lane of a rank: the tasks that were sent to it and have not come back.
//
// A lane runs one task at a time, in the order in which they were sent, whichever pool they are of. So the first one in
// flight counts as running. The others can be taken back, with a recall: the rank then names those that it has not started
// (returned), and says that there are no more. Until then their pools count them as in flight. Guarded by the engine's mutex.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "concurrent/futures/detail/mpi/lane_pace.hpp"
#include "concurrent/futures/detail/mpi/mpi_task.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class MpiPool;
struct RootPeer;

struct RootLane {
    struct InFlight {
        MpiTask* task;
        MpiPool* pool;
    };

    RootLane(RootPeer& peer_of_lane, std::size_t number_in_peer, std::size_t number_of_worker)
        : peer(peer_of_lane), number(number_in_peer), worker(number_of_worker) {}
    RootLane(const RootLane&) = delete;
    RootLane& operator=(const RootLane&) = delete;

    bool is_idle() const noexcept { return in_flight.empty(); }
    bool is_running(const MpiTask& task) const noexcept { return !is_idle() && in_flight.front().task == &task; }
    /// The task that ended, which must be the first; null if it is not: the rank is out of step.
    MpiTask* running(std::uint64_t id) const noexcept {
        return !is_idle() && in_flight.front().task->id == id ? in_flight.front().task : nullptr;
    }
    /// The place of a task that the rank gives back; end() if it was not given.
    std::deque<InFlight>::iterator find(std::uint64_t id) noexcept {
        return std::find_if(in_flight.begin(), in_flight.end(), [&](const InFlight& each) { return each.task->id == id; });
    }

    RootPeer& peer;
    const std::size_t number;  // in its rank
    const std::size_t worker;  // among the workers of all ranks, for observers
    LanePace pace{};
    std::deque<InFlight> in_flight{};
    std::deque<InFlight> returned{};  // while recalling
    std::deque<InFlight> abandoned{};  // was in flight when MPI failed: kept, as the rank may still read its bytes
    bool recalling = false;           // a recall was sent and its end has not come
    std::int64_t last_news = 0;       // of a result, or of a task given to an idle lane
    std::int64_t last_end = 0;        // of a task that was observed
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
