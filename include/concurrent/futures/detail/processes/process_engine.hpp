// SPDX-License-Identifier: MIT
//
// process_engine.hpp: what a process pool and its tasks ask of the engine behind them. There are two, and the pool's
// constructor chooses one for good: ProcessManager (process_manager.hpp), whose tasks run in worker processes, and
// InlineEngine (inline_engine.hpp), whose tasks run inside submit(), for CONCURRENT_FUTURES_INLINE.
//
//     const std::shared_ptr<ProcessEngine> engine = …;
//     engine->start(engine);
//     engine->submit(task, Priority::normal);
//
// Threads: any, without a lock, where nothing else is said. A child that the program forks has neither the threads nor the
// workers of the engine: there it refuses work and does nothing.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/fork_generation.hpp"
#include "concurrent/futures/detail/processes/process_settings.hpp"
#include "concurrent/futures/detail/state/pool_watch.hpp"
#include "concurrent/futures/detail/state/shared_state.hpp"
#include "concurrent/futures/detail/wire/remote_task.hpp"
#include "concurrent/futures/errors.hpp"
#include "concurrent/futures/options.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class ProcessEngine {
  public:
    struct Counts {
        std::size_t workers = 0, idle = 0, pending = 0, running = 0, completed = 0, failed = 0, cancelled = 0, restarts = 0;
    };

    ProcessEngine(const ProcessEngine&) = delete;
    ProcessEngine& operator=(const ProcessEngine&) = delete;
    virtual ~ProcessEngine() = default;

    const ProcessSettings& settings() const noexcept { return settings_; }
    /// What the pool's observer is told, if there is one.
    virtual const PoolWatch& watch() const noexcept = 0;
    bool in_forked_child() const noexcept { return born_.in_forked_child(); }
    void throw_if_forked() const {
        if (in_forked_child())
            throw BrokenProcessPool(
                "ProcessPoolExecutor: made before fork(); its workers belong to the parent process. Make a "
                "new pool in the child");
    }

    // For the pool.

    /// Once. `self`: kept alive by what runs from then on.
    virtual void start(std::shared_ptr<ProcessEngine> self) = 0;
    /// Takes over one reference to the task. Throws ShutdownError, BrokenProcessPool, QueueFullError:
    /// then the reference is still the caller's.
    virtual void submit(RemoteTask& task, Priority priority) = 0;
    /// Where large calls are encoded; null: in the heap.
    virtual ByteStore* call_store() const noexcept = 0;
    /// Tasks that have not started end as cancelled.
    virtual void cancel_pending() = 0;
    virtual void begin_shutdown(bool cancel_pending) = 0;
    /// Waits for all workers to be gone. From the manager thread: returns true at once.
    virtual bool join(const Deadline& deadline) = 0;
    /// Waits until no task waits or runs, and all callbacks have run; false when the deadline passed first. Throws
    /// BrokenProcessPool in a forked child, std::system_error on the manager thread.
    virtual bool wait_idle(const Deadline& deadline) = 0;
    /// Before destruction in a callback on the manager thread: it ends by itself.
    virtual void detach() = 0;
    /// begin_shutdown() with cancel_pending, and a signal to all workers, which are not replaced.
    virtual void end_workers(int signal) = 0;
    /// No task starts until resume(). Throws ShutdownError, BrokenProcessPool, std::bad_alloc.
    virtual void pause() = 0;
    virtual void resume() = 0;
    /// Waits until all workers are ready. Throws ShutdownError, BrokenProcessPool, std::system_error on the manager thread.
    virtual void start_workers() = 0;
    virtual bool is_broken() const = 0;
    virtual std::vector<int> worker_pids() const = 0;
    virtual Counts counts() = 0;

    // For a task and its futures.

    /// True to one caller: the task will not run and is the caller's to end as cancelled.
    virtual bool revoke(RemoteTask& task) = 0;
    virtual bool is_revoked(const RemoteTask& task) const = 0;
    virtual bool is_running(const RemoteTask& task) const = 0;
    /// Asks a running task to stop. False: it is not running; it may have gone back to the queue.
    virtual bool request_stop(RemoteTask& task) = 0;
    /// From RemoteTask::succeed(), before the future ends: the result cannot be read.
    virtual void count_unreadable_result() noexcept = 0;
    virtual bool on_manager_thread() const noexcept = 0;
    /// Any thread that is about to sleep until this task has ended, which `future` tells: looks for its result for a
    /// moment. True: it has ended.
    virtual bool look_for_end(RemoteTask& task, const SharedState& future) noexcept = 0;
    /// On the manager thread only: works until the future is done or the deadline has passed.
    virtual void work_until_done(const SharedState& future, const Deadline& deadline) = 0;

  protected:
    /// A member of the derived class, and only referred to here.
    explicit ProcessEngine(const ProcessSettings& settings) noexcept : settings_(settings) {}

    const ForkMark born_;

  private:
    const ProcessSettings& settings_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
