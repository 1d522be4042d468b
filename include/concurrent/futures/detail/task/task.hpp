// SPDX-License-Identifier: MIT
//
// task.hpp: something to run once, linked into queues without an allocation.
//
// Ownership: a queue that holds a Task owns it. Exactly one of run() and abandon() ends that: both
// may free the object, so nobody touches it afterwards.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <utility>

namespace concurrent::futures::inline v1::detail {

/// What became of a task that was taken from a queue, for counting.
enum class TaskEnd : std::uint8_t {
    completed,  // ran and returned
    failed,     // ran and threw, or was given up with a reason
    cancelled,  // was cancelled while it waited
    claimed     // somebody who waited for it has run it, and counted it
};

class Task {
  public:
    Task(const Task&) = delete;
    Task& operator=(const Task&) = delete;

    /// Does the work, unless it was cancelled or already claimed by someone who waits for it.
    virtual TaskEnd run() noexcept = 0;
    /// Gives it up without running it: its future ends with `reason`, or cancelled if that is null.
    virtual TaskEnd abandon(const std::exception_ptr& reason) noexcept = 0;

    enum class Standing : std::uint8_t { waiting, cancelled, claimed };
    /// What run() would find now. For counting only.
    virtual Standing standing() const noexcept = 0;

  protected:
    Task() = default;
    virtual ~Task() = default;

  private:
    friend class TaskQueue;
    Task* next_ = nullptr;  // guarded by whatever guards the queue
};

/// First in, first out. Not synchronised: the owner brings the lock. Must be empty when destroyed.
class TaskQueue {
  public:
    TaskQueue() = default;
    TaskQueue(TaskQueue&& other) noexcept
        : first_(std::exchange(other.first_, nullptr)),
          last_(std::exchange(other.last_, nullptr)),
          size_(std::exchange(other.size_, 0)) {}
    TaskQueue& operator=(TaskQueue&&) = delete;

    bool empty() const noexcept { return first_ == nullptr; }
    std::size_t size() const noexcept { return size_; }

    void push(Task& task) noexcept {
        task.next_ = nullptr;
        (last_ ? last_->next_ : first_) = &task;
        last_ = &task;
        ++size_;
    }

    Task* try_pop() noexcept {
        Task* const task = first_;
        if (!task) return nullptr;
        first_ = task->next_;
        if (!first_) last_ = nullptr;
        --size_;
        return task;
    }

    /// Takes out the newest task again, for a submit that cannot be kept. O(size).
    void remove_newest() noexcept {
        Task* before = nullptr;
        for (Task* task = first_; task != last_; task = task->next_) before = task;
        last_ = before;
        (before ? before->next_ : first_) = nullptr;
        --size_;
    }

    /// Takes out what run() would find cancelled or claimed. O(size).
    TaskQueue take_spent() noexcept {
        TaskQueue all(std::move(*this)), spent;
        while (Task* const task = all.try_pop())
            (task->standing() == Task::Standing::waiting ? *this : spent).push(*task);
        return spent;
    }

    template <class Visitor>
    void for_each(Visitor visit) const {
        for (const Task* task = first_; task; task = task->next_) visit(*task);
    }

  private:
    Task* first_ = nullptr;
    Task* last_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace concurrent::futures::inline v1::detail
