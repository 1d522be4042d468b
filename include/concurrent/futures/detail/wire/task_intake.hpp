// SPDX-License-Identifier: MIT
//
// task_intake.hpp: where submitters put tasks for the engine of a process pool or of a pool of MPI ranks.
//
//     if (!intake.push(task, Priority::normal)) …            // any thread; false: closed
//     intake.move_to(queue);                                 // the manager, in order of submission
//
// Its lock is held for a few instructions, so that submitters do not wait for the thread that looks through the
// tables of the pool. Links are in the tasks (task_lists.hpp): neither side needs memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <tuple>
#include <utility>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/spin_mutex.hpp"
#include "concurrent/futures/detail/wire/task_lists.hpp"
#include "concurrent/futures/options.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// By Priority.
using RemoteTaskQueues = std::array<RemoteTaskQueue, 3>;

/// What submitters touch is one line of the cache, if priorities are normal: it goes back and forth with each call.
class alignas(64) TaskIntake {
  public:
    /// Takes over a reference. False when closed: then it is still the caller's.
    bool push(RemoteTask& task, Priority priority) noexcept {
        const std::lock_guard lock(mutex_);
        if (closed_) return false;
        task.level = static_cast<std::uint8_t>(priority);
        task.number = ++submitted_;
        task.stage = RemoteTask::Stage::queued;
        tasks_[place_of(task.level)].push_back(task);
        // relaxed: see may_have_tasks().
        has_tasks_.store(true, std::memory_order_relaxed);
        return true;
    }
    void move_to(RemoteTaskQueues& queues) noexcept {
        const std::lock_guard lock(mutex_);
        for (std::size_t level = 0; level < tasks_.size(); ++level)
            queues[level].append(std::move(tasks_[place_of(level)]));
        // relaxed: see may_have_tasks().
        has_tasks_.store(false, std::memory_order_relaxed);
    }
    void close() noexcept {
        const std::lock_guard lock(mutex_);
        closed_ = true;
    }
    bool has_tasks() const noexcept {
        const std::lock_guard lock(mutex_);
        // relaxed: changed with the lock only.
        return has_tasks_.load(std::memory_order_relaxed);
    }
    /// Without the lock: a hint, for a thread that looks repeatedly.
    bool may_have_tasks() const noexcept {
        // relaxed: the lock hands over the tasks.
        return has_tasks_.load(std::memory_order_relaxed);
    }

  private:
    /// Normal, high, low: the first of them shares a line with what is before it.
    static constexpr std::size_t place_of(std::size_t level) noexcept {
        constexpr std::size_t levels = std::tuple_size_v<RemoteTaskQueues>;
        return (level + levels - static_cast<std::size_t>(Priority::normal)) % levels;
    }

    mutable SpinMutex mutex_;
    bool closed_ = false;  // guarded by mutex_, as all below
    Atomic<bool> has_tasks_{false};
    std::uint64_t submitted_ = 0;
    RemoteTaskQueues tasks_;  // normal ones first
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
