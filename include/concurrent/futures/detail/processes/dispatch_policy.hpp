// SPDX-License-Identifier: MIT
//
// dispatch_policy.hpp: how many tasks a worker may have, and how many workers a process pool starts.
//
//     if (policy.may_take_more(load, share)) …            // asked by Dispatcher
//
// Pure functions of what they are shown.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "concurrent/futures/detail/processes/worker_pace.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// What the policy sees of a worker.
struct WorkerLoad {
    bool is_open = true;         // the process is there and was not told to leave
    bool is_ready = true;        // and has said that it is ready
    bool is_dying = false;       // it will end, whatever it does
    std::size_t in_flight = 0;   // tasks
    std::size_t wanted = 0;      // of those, the tasks that were not cancelled
    std::size_t credits = WorkerPace::at_first;  // see WorkerPace
    std::size_t given = 0;       // in its life
};

struct DispatchPolicy {
    std::size_t max_workers = 1;
    std::size_t max_tasks_per_child = 0;  // 0: any number

    /// How many tasks each worker may have at most. A task that is sent early may have to be taken back, so a worker
    /// gets no more than its part of all tasks. `workers`: with those that are about to be started.
    static std::size_t fair_share(std::size_t tasks, std::size_t workers) noexcept {
        return std::clamp<std::size_t>(workers == 0 ? 1 : tasks / workers, 1, WorkerPace::most);
    }
    bool may_take_more(const WorkerLoad& worker, std::size_t share) const noexcept {
        return worker.is_ready && !worker.is_dying && worker.in_flight < (std::min)(share, worker.credits) &&
               (max_tasks_per_child == 0 || worker.given < max_tasks_per_child);
    }
    /// An open worker that has done all it may do leaves soon: its place is free for another one.
    bool is_worn_out(const WorkerLoad& worker, std::size_t share) const noexcept {
        return worker.is_ready && !worker.is_dying && worker.in_flight == 0 && !may_take_more(worker, share);
    }
    /// The worker has nothing to do, or will have nothing to do when it is ready: the next task is for it.
    static bool will_take(const WorkerLoad& worker) noexcept { return worker.wanted == 0 && !worker.is_dying; }

    /// How many to start: one for each task that waits, as far as the pool may grow. `alive`: workers that are open and
    /// not worn out; `coming`: how many of these will_take().
    std::size_t workers_to_start(std::size_t unstarted_tasks, std::size_t alive, std::size_t coming) const noexcept {
        if (unstarted_tasks <= coming || alive >= max_workers) return 0;
        return (std::min)(max_workers - alive, unstarted_tasks - coming);
    }
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
