// SPDX-License-Identifier: MIT
//
// awaited_task.hpp: what a thread that waits for a task may ask of the pool that the task belongs to. Each kind of pool
// overrides what it can do; the functions here say that the thread can do nothing but sleep. The rule is in blocking.hpp.
#pragma once

#include <cstdint>
#include <exception>

#include "concurrent/futures/detail/state/blocking.hpp"
#include "concurrent/futures/detail/state/run_here.hpp"
#include "concurrent/futures/detail/task/task.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class SharedState;

/// A Task, so that calls of thread pools need no second table of virtual functions; the calls of others
/// are never in a queue.
class AwaitedTask : public Task {
  public:
    /// Called by a thread that is about to wait: runs the call, or one that this call waits for, if that is
    /// pending in the pool of this very worker. True when it ran something. The rule is in blocking.hpp.
    virtual bool run_here(const RunHere&) { return false; }
    /// The calling thread is a worker of the pool that this call belongs to, with stack for one more call.
    virtual bool could_run_here() const noexcept { return false; }
    /// The worker that the calling thread is, as far as the module knows that made this state; or null.
    virtual BlockingWorker* worker_here() const noexcept { return this_worker; }
    /// The one call that this one follows, with one more handle, or null.
    virtual SharedState* awaited() noexcept { return nullptr; }
    /// The number that an observer knows this task by (CallEvent::call); 0: nobody observes it.
    virtual std::uint64_t observed_id() const noexcept { return 0; }
    /// In a forked child, of a task that has not ended: what a wait for it throws, because its pool is in the parent process. Null
    /// otherwise.
    virtual std::exception_ptr left_in_parent() const { return nullptr; }
    /// The task runs in this process and may end soon: looking again a few times may save a sleep.
    virtual bool may_end_soon() const noexcept { return false; }
    /// Called by a thread that is about to sleep: does that, as long as it takes less time than a sleep.
    /// True: the call has ended.
    virtual bool look_again() noexcept = 0;

    TaskEnd run() override { return TaskEnd::claimed; }
    TaskEnd abandon(const std::exception_ptr&) noexcept override { return TaskEnd::claimed; }
    Standing standing() const noexcept override { return Standing::claimed; }

  protected:
    AwaitedTask() = default;
    ~AwaitedTask() override = default;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
