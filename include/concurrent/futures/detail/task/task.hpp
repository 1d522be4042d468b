// SPDX-License-Identifier: MIT
//
// task.hpp: something to run once, linked into queues without an allocation.
//
// Ownership: a queue that holds a Task owns it. Exactly one of run() and abandon() ends that: both
// may free the object, so it must not be used afterwards.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <utility>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/task/intrusive_queue.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// What became of a task that was taken from a queue, for counting.
enum class TaskEnd : std::uint8_t {
    completed,  // ran and returned
    failed,     // ran and threw, or was given up with a reason
    cancelled,  // was given up without a reason
    claimed     // a thread has cancelled it or run it before, and counted that
};

class Task {
  public:
    Task(const Task&) = delete;
    Task& operator=(const Task&) = delete;

    /// Does the work, unless it was cancelled or already claimed by someone who waits for it. Throws nothing but a
    /// ForcedUnwind, when the task has ended: see forced_unwind.hpp.
    virtual TaskEnd run() = 0;
    /// Gives it up without running it: its future ends with `reason`, or cancelled if that is null.
    virtual TaskEnd abandon(const std::exception_ptr& reason) noexcept = 0;

    enum class Standing : std::uint8_t { waiting, cancelled, claimed };
    /// What run() would find now. For counting only.
    virtual Standing standing() const noexcept = 0;

  protected:
    Task() = default;
    virtual ~Task() = default;

  private:
    friend struct TaskLink;
    friend class TaskDeque;
    // In a TaskQueue the next task, in a TaskDeque its place. Written under the lock of the queue that it is in.
    // A worker that looks for the task in its own deque may read it at any time, and then has to ask whether
    // the place is that of the task.
    Atomic<std::uintptr_t> link_{0};
};

struct TaskLink {
    // relaxed, both: guarded by the owner's lock, see Task::link_.
    static Task* next(const Task& task) noexcept {
        return reinterpret_cast<Task*>(task.link_.load(std::memory_order_relaxed));
    }
    static void set_next(Task& task, Task* next) noexcept {
        // relaxed: as above.
        task.link_.store(reinterpret_cast<std::uintptr_t>(next), std::memory_order_relaxed);
    }
};

/// First in, first out. Not synchronised: the owner brings the lock. Must be empty when destroyed.
class TaskQueue : public IntrusiveQueue<Task, TaskLink> {
  public:
    /// Takes out this one, for a submit that cannot be kept. False when it is not here. O(size).
    bool remove(const Task& task) noexcept {
        TaskQueue found;
        move_if([&](const Task& each) { return &each == &task; }, found);
        return found.try_pop() != nullptr;
    }
    /// Takes out what run() would find cancelled or claimed. O(size).
    TaskQueue take_spent() noexcept {
        TaskQueue spent;
        move_if([](const Task& each) { return each.standing() != Task::Standing::waiting; }, spent);
        return spent;
    }
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
