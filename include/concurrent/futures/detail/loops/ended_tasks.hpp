// SPDX-License-Identifier: MIT
//
// ended_tasks.hpp: the ids of tasks in the order they ended, for map_unordered. Shared with the tasks'
// callbacks; one thread waits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/futex.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class EndedTasks {
  public:
    void add(std::size_t id) {
        {
            const std::lock_guard lock(mutex_);
            ids_.push_back(id);
        }
        // (1) release, pairs with (2): a thread that sees the count finds the id under the mutex.
        count_.fetch_add(1, std::memory_order_release);
        futex_wake_one(&count_);
    }
    bool wait_for(std::uint32_t position, const Deadline& deadline) const {
        for (;;) {
            const std::uint32_t count = count_.load(std::memory_order_acquire);  // (2) with (1)
            if (count != position) return true;
            if (deadline.passed()) return false;
            futex_wait(count_, count, deadline);
        }
    }
    std::size_t id(std::size_t position) const {
        const std::lock_guard lock(mutex_);
        return ids_[position];
    }

  private:
    mutable std::mutex mutex_;
    std::vector<std::size_t> ids_;  // guarded by mutex_
    FutexWord count_{0};
};

}  // namespace concurrent::futures::inline v1::detail
