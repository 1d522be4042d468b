// SPDX-License-Identifier: MIT
//
// blocking.hpp: how threads that run user code wait for tasks in this library, and the rule for workers of a thread pool
// that wait.
//
// The rule. It holds in result(), exception(), wait(), as_completed(), the iteration of a map, wait_idle(), shutdown(),
// Process::join(), and in submit() at max_pending.
//   1. Before a thread sleeps, it runs the callbacks that are due in it (Trampoline::catch_up()): it may be about to wait
//      for one of them.
//   2. A wait without a time limit for one particular task first looks whether that task is pending in the pool of this
//      worker. If so, the worker takes it out of the queue and runs it on its own stack. A continuation is followed to
//      the task that it waits for. wait() for all, when_all() and an ordered map need each of their tasks.
//   3. No other task ever runs on the stack of a wait: it might need a lock that the waiting task holds, or something
//      that the waiting task does after the wait. So every frame on top of a wait is one that this wait needs.
//   4. A wait with a time limit runs no task itself, because the task may take longer than that. Neither does a wait
//      that any one of several tasks can end (first_completed, as_completed(), when_any(), map_unordered()).
//   5. A worker that sleeps counts as blocked. Its pool lets another thread, a substitute, work in its place as long as
//      tasks are queued, so max_workers threads can work. There are at most max_workers + most_substitutes threads. Only
//      when all of these sleep, tasks are queued and no task starts for a while (slice), one more thread is started, and
//      so on: slow, but no deadlock. Before that, a wait of point 4 does run one of its own tasks here.
//      While the pool is paused there is no substitute, so such a wait runs one of its own tasks at once.
//   6. When a blocked worker comes back, there may be one thread too many for a moment. The next worker that has ended
//      its task sleeps, and ends if it is not needed for a second (WorkerLoop::lie_down()).
// In a thread that does the work of a pool (a callback of a process pool or MPI pool runs there), a wait for a task of that
// pool goes on with the work until the task has ended; every other wait does a piece of it each millisecond (serve_each),
// since what it waits for may need that pool.
// No task is started on a stack that is nearly full (has_stack()): then point 5 applies, and the recursion goes on on
// the stack of another thread.
//
// Sleeps that do not come here:
//   - Threads and processes of the library that have nothing to do: idle workers (Parker), the threads of DeadlineTimer,
//     the manager thread of a process pool (EventPoller), the engine thread and the serving ranks of MPI, worker
//     processes, the listener of StopDelivery. They are no blocked workers.
//   - send() and receive() of a channel (ChannelEnd::wait(); they run due callbacks first), and a Broadcast that another
//     thread encodes or decodes (OnceValue::get()): a worker has a substitute (AsBlocked), up to the bound of point 5.
//   - cancel() or shutdown() until an MPI rank has given tasks back (MpiCancellation::wait_for_recall()): a worker has none.
//   - Short ones: locks, and the join of a thread that has ended.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/stack_limit.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/detail/state/blocked_threads.hpp"
#include "concurrent/futures/detail/state/trampoline.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// A worker of a thread pool, as waits see it. All members but number(): by the worker itself.
class BlockingWorker {
  public:
    static constexpr std::size_t most_substitutes = tuning::most_substitutes;
    static constexpr auto slice = tuning::blocked_slice;

    enum class Substitute : std::uint8_t {
        possible,   ///< another thread works in its place, or will when there is something to do
        paused,     ///< the same, but the pool is paused: not before it goes on
        at_bound,   ///< no more threads may be started, but some still work
        none        ///< no more threads may be started, and all of them sleep
    };
    /// The worker is about to sleep.
    virtual Substitute begin_block() noexcept = 0;
    /// The worker goes on.
    virtual void end_block() noexcept = 0;
    /// The worker still sleeps, and the bound is reached: starts one more thread if nothing else can make progress.
    virtual void watch() noexcept = 0;

    /// Of the workers of its pool; those that are alive at one time differ.
    std::size_t number() const noexcept { return number_; }
    /// The stack of this worker has room for one more task.
    bool has_stack() const noexcept { return stack_.has_room(); }

  protected:
    BlockingWorker() = default;
    ~BlockingWorker() = default;
    StackLimit stack_;  // of its thread
    std::size_t number_ = 0;
};

/// The worker that this thread is, or null. One per module: code of a library with its own copy of this asks the
/// awaited state instead (SharedState::worker_here()).
inline constinit thread_local BlockingWorker* this_worker = nullptr;

/// A pool whose work one thread does.
class ServedPool {
  public:
    /// By that thread: what there is to do now, without a sleep. May run callbacks.
    virtual void work_once() noexcept = 0;

  protected:
    ~ServedPool() = default;
};
/// The pool whose work this thread does, or null: while the thread waits, it goes on with that work.
inline constinit thread_local ServedPool* served_pool = nullptr;

/// While it lives, this thread does the work of a pool: work().
template <class Work>
class Serving final : public ServedPool {
  public:
    explicit Serving(Work work) : work_(std::move(work)) { served_pool = this; }
    Serving(const Serving&) = delete;
    Serving& operator=(const Serving&) = delete;
    ~Serving() { served_pool = nullptr; }
    void work_once() noexcept override { work_(); }

  private:
    Work work_;
};
inline constexpr auto serve_each = tuning::served_each;

/// A wait as block_in_steps() sees it; `wait` is handed to each.
struct WaitSteps {
    void* wait;
    bool (*over)(void* wait);
    void (*sleep)(void* wait, const Deadline& until);
    bool (*last_resort)(void* wait);
};
/// block_until() for all kinds of waits: its code is there once.
CONCURRENT_FUTURES_DECL bool block_in_steps(const WaitsFor& waits_for, BlockingWorker* worker, const Deadline& deadline,
                                            const WaitSteps& steps);

/// Blocks until `over()`; false when the deadline passed first. All waits that the rule names come here.
///   waits_for       what for, for a HangReport
///   sleep(until)    sleeps until something has changed, or for no reason; looks first
///   last_resort()   runs one of the awaited tasks here; false if there is none
/// User code may run in it, so the caller holds no lock.
template <class Over, class Sleep, class LastResort>
bool block_until(const WaitsFor& waits_for, BlockingWorker* worker, const Deadline& deadline, Over over, Sleep sleep,
                 LastResort last_resort) {
    struct Wait {
        Over& over;
        Sleep& sleep;
        LastResort& last_resort;
    } wait{over, sleep, last_resort};
    return block_in_steps(waits_for, worker, deadline,
                          {&wait, [](void* steps) -> bool { return static_cast<Wait*>(steps)->over(); },
                           [](void* steps, const Deadline& until) { static_cast<Wait*>(steps)->sleep(until); },
                           [](void* steps) -> bool { return static_cast<Wait*>(steps)->last_resort(); }});
}
/// For waits outside of block_until(), which run no callbacks: while it lives, this thread counts as blocked if it is a
/// worker, and another thread works in its place.
class AsBlocked {
  public:
    explicit AsBlocked(const WaitsFor& waits_for) noexcept : blocked_(waits_for), worker_(this_worker) {
        if (worker_) worker_->begin_block();
    }
    AsBlocked(const AsBlocked&) = delete;
    AsBlocked& operator=(const AsBlocked&) = delete;
    ~AsBlocked() {
        if (worker_) worker_->end_block();
    }

  private:
    const BlockedThread blocked_;
    BlockingWorker* const worker_;
};

/// For waits in which the thread itself can do nothing.
template <class Over, class Sleep>
bool block_until(const WaitsFor& waits_for, const Deadline& deadline, Over over, Sleep sleep) {
    return block_until(waits_for, this_worker, deadline, over, sleep, [] { return false; });
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail

#if CONCURRENT_FUTURES_HEADER_ONLY
#include "concurrent/futures/impl/blocking.hpp"
#endif
