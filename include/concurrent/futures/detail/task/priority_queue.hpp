// SPDX-License-Identifier: MIT
//
// priority_queue.hpp: tasks by priority, first in, first out within one.
//
// Not synchronised: the owner brings the lock. Ownership as in task.hpp; empty when destroyed.
#pragma once

#include <array>
#include <cstddef>
#include <utility>

#include "concurrent/futures/detail/task/task.hpp"
#include "concurrent/futures/options.hpp"

namespace concurrent::futures::inline v1::detail {

class PriorityQueue {
  public:
    PriorityQueue() = default;

    std::size_t size() const noexcept {
        return levels_[0].size() + levels_[1].size() + levels_[2].size();
    }
    bool empty() const noexcept { return size() == 0; }

    void push(Task& task, Priority priority) noexcept { level(priority).push(task); }
    /// The oldest of the highest priority, or null.
    Task* try_pop() noexcept {
        for (std::size_t above = levels_.size(); above-- > 0;)
            if (Task* const task = levels_[above].try_pop()) return task;
        return nullptr;
    }
    /// Takes out the task that was pushed last with this priority.
    void remove_newest(Priority priority) noexcept { level(priority).remove_newest(); }

    /// Takes out what run() would find cancelled or claimed. O(size).
    PriorityQueue take_spent() noexcept {
        return PriorityQueue(levels_[0].take_spent(), levels_[1].take_spent(),
                             levels_[2].take_spent());
    }

    template <class Visitor>
    void for_each(Visitor visit) const {
        for (const TaskQueue& tasks : levels_) tasks.for_each(visit);
    }

  private:
    PriorityQueue(TaskQueue low, TaskQueue normal, TaskQueue high) noexcept
        : levels_{std::move(low), std::move(normal), std::move(high)} {}

    TaskQueue& level(Priority priority) noexcept {
        return levels_[static_cast<std::size_t>(priority)];
    }
    std::array<TaskQueue, 3> levels_;
};

}  // namespace concurrent::futures::inline v1::detail
