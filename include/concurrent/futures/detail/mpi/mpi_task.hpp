// SPDX-License-Identifier: MIT
//
// mpi_task.hpp: what the engine of MPI pools keeps with each task, beyond what every engine with workers elsewhere does.
#pragma once

#include <cstdint>
#include <memory>

#include "concurrent/futures/detail/state/pool_watch.hpp"
#include "concurrent/futures/detail/wire/observations.hpp"
#include "concurrent/futures/detail/wire/remote_task.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

struct RootLane;

class MpiTask : public RemoteTask {
  public:
    using RemoteTask::RemoteTask;

    // Constant from submit on.
    bool takes_stop_token = false;
    bool has_plain_result = false;  // decoding runs no code of the user
    const PoolWatch* watched_by = nullptr;  // the observer of its pool, if there is one

    // Guarded by the engine's mutex.
    RootLane* lane = nullptr;  // when sent
    bool wanted_back = false;  // a thread waits to cancel it
    // Only if it is watched:
    std::int64_t sent_at = 0;
    std::unique_ptr<Observations> observed{};  // what the observer is to be told before the task ends
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
