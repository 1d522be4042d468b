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

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class PriorityQueue {
  public:
    constexpr PriorityQueue() = default;

    std::size_t size() const noexcept {
        return levels_[0].size() + levels_[1].size() + levels_[2].size();
    }
    bool empty() const noexcept { return highest() < 0; }
    /// The level of the highest priority that has a task, -1 when none has.
    int highest() const noexcept {
        for (int level = 2; level >= 0; --level)
            if (!levels_[static_cast<std::size_t>(level)].empty()) return level;
        return -1;
    }

    void push(Task& task, Priority priority) noexcept { level(priority).push_back(task); }
    void push_all(TaskQueue tasks, Priority priority) noexcept {
        level(priority).append(std::move(tasks));
    }
    /// All of `others`, each behind those of its priority that are here.
    void append(PriorityQueue others) noexcept {
        for (std::size_t one = 0; one < levels_.size(); ++one)
            levels_[one].append(std::move(others.levels_[one]));
    }
    /// The oldest of the highest priority, or null.
    Task* try_pop() noexcept {
        const int one = highest();
        return one < 0 ? nullptr : try_pop_of(one);
    }
    /// The oldest of this level, or null.
    Task* try_pop_of(int one) noexcept { return levels_[static_cast<std::size_t>(one)].try_pop(); }
    bool has(int one) const noexcept { return !levels_[static_cast<std::size_t>(one)].empty(); }
    /// Takes out this task; false when it is not here. O(size).
    bool remove(const Task& task, Priority priority) noexcept { return level(priority).remove(task); }

    /// Takes out what run() would find cancelled or claimed. O(size).
    PriorityQueue take_spent() noexcept {
        return PriorityQueue(levels_[0].take_spent(), levels_[1].take_spent(),
                             levels_[2].take_spent());
    }

  private:
    PriorityQueue(TaskQueue low, TaskQueue normal, TaskQueue high) noexcept
        : levels_{std::move(low), std::move(normal), std::move(high)} {}

    TaskQueue& level(Priority priority) noexcept {
        return levels_[static_cast<std::size_t>(priority)];
    }
    std::array<TaskQueue, 3> levels_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
