// SPDX-License-Identifier: MIT
//
// worker.hpp: what a pool keeps about one of its threads: the tasks that it submitted itself, where it sleeps, its
// counters.
//
// Lives as long as the pool, so other threads may look for work here without asking whether the thread still exists. A
// thread that starts later takes over the Worker of one that has ended.
#pragma once

#include <cstddef>
#include <mutex>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/bounds.hpp"
#include "concurrent/futures/detail/platform/sized_thread.hpp"
#include "concurrent/futures/detail/platform/spin_mutex.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/detail/scheduling/call_counters.hpp"
#include "concurrent/futures/detail/scheduling/parker.hpp"
#include "concurrent/futures/detail/state/blocking.hpp"
#include "concurrent/futures/detail/task/task_deque.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class WorkerThreads;

/// What a worker tells its pool when it waits inside a task. Without the pool's mutex.
class BlockedWorkers {
  public:
    virtual BlockingWorker::Substitute begin_block() noexcept = 0;
    virtual void end_block() noexcept = 0;
    virtual void watch_blocked() noexcept = 0;

  protected:
    ~BlockedWorkers() = default;
};

class alignas(64) Worker final : public BlockingWorker {
  public:
    Worker(WorkerThreads& owner, BlockedWorkers& blocked, Worker* next_one, bool held) noexcept
        : pool(owner), next(next_one), blocked_(blocked), held_(held) {}

    /// By the worker itself. Throws std::bad_alloc.
    void push(Task& task) {
        const std::lock_guard lock(mutex_);
        tasks_.push(task);
        calls.submitted();
        note();
    }
    /// By the worker itself: all of them. Throws std::bad_alloc; then none.
    void push_all(TaskQueue& tasks) {
        const std::lock_guard lock(mutex_);
        tasks_.reserve(tasks.size());
        calls.submitted(tasks.size());
        while (Task* const task = tasks.try_pop()) tasks_.push(*task);
        note();
    }
    /// By the worker itself: takes this task out; false when it is not here.
    bool try_remove(const Task& task) noexcept {
        if (looks_empty()) return false;
        const std::lock_guard lock(mutex_);
        const bool removed = tasks_.try_remove(task);
        note();
        return removed;
    }
    /// By any thread. Null also while the pool is paused.
    Task* try_take_oldest() noexcept {
        if (looks_empty()) return nullptr;
        const std::lock_guard lock(mutex_);
        return held_ ? nullptr : pop_oldest();
    }
    /// By any thread: for tasks that are to go elsewhere.
    Task* try_take_away() noexcept {
        if (looks_empty()) return nullptr;
        const std::lock_guard lock(mutex_);
        return pop_oldest();
    }
    /// While `held`, try_take_oldest() gives nothing. What it gave before has left the deque when this returns.
    void hold(bool held) noexcept {
        const std::lock_guard lock(mutex_);
        held_ = held;
    }
    /// By any thread: moves what run() would find cancelled or claimed to `spent`. O(size), with the lock for a few places
    /// at a time, since the worker and others need it all the time.
    void take_spent(TaskQueue& spent) noexcept;
    /// Without the lock: whether it is worth trying.
    bool looks_empty() const noexcept {
        // relaxed: a hint; the owner sees its own writes.
        return !has_tasks_.load(std::memory_order_relaxed);
    }

    /// With the lock: for threads that go to sleep if it is empty.
    bool empty() const noexcept {
        const std::lock_guard lock(mutex_);
        return tasks_.empty();
    }
    std::size_t size() const noexcept {
        const std::lock_guard lock(mutex_);
        return tasks_.size();
    }

    // See blocking.hpp.
    Substitute begin_block() noexcept override { return blocked_.begin_block(); }
    void end_block() noexcept override { blocked_.end_block(); }
    void watch() noexcept override { blocked_.watch_blocked(); }
    /// Before its thread starts.
    void set_number(std::size_t number) noexcept { number_ = number; }
    /// By its thread, when that starts. `size`: what was asked for, or 0.
    void note_stack(std::size_t size) noexcept { stack_ = StackLimit::of_this_thread(size); }

    WorkerThreads& pool;
    Worker* const next;    // another one of the pool, or null
    CallCounters calls{CallCounters::Writers::one};
    Parker parker;
    SizedThread thread;        // guarded by the pool's mutex
    bool leaves = false;       // guarded by the pool's mutex: see Workforce::try_leave()
    unsigned picked = 0;       // the owner's, to look into the inbox from time to time
    Worker* victim = nullptr;  // the owner's: whose task it took last, never removed before the end of the pool
    int gathering_pauses = 0;  // the owner's: pauses before it looks for more, see WorkerLoop::adapt_gathering()
    int long_sleeps = 0;       // the owner's: sleeps in a row that no spinning would have spared

  private:
    Task* pop_oldest() noexcept {
        Task* const task = tasks_.try_pop_oldest();
        note();
        return task;
    }
    void note() noexcept {
        // relaxed, both: written under the mutex; read without it as a hint only.
        if (has_tasks_.load(std::memory_order_relaxed) == tasks_.empty())
            has_tasks_.store(!tasks_.empty(), std::memory_order_relaxed);
    }

    BlockedWorkers& blocked_;  // of the pool
    mutable SpinMutex mutex_;
    bool held_;        // guarded by mutex_
    TaskDeque tasks_;  // guarded by mutex_
    Atomic<bool> has_tasks_{false};
};

inline void Worker::take_spent(TaskQueue& spent) noexcept {
    constexpr std::size_t few = tuning::spent_tasks_per_lock;
    if (looks_empty()) return;
    TaskDeque::Places left = [this] {
        const std::lock_guard lock(mutex_);
        return tasks_.places();
    }();
    while (left.first != left.end) {
        const std::size_t end = left.first + smaller(few, left.end - left.first);
        const std::lock_guard lock(mutex_);
        tasks_.take_spent({left.first, end}, spent);
        note();
        left.first = end;
    }
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
