// SPDX-License-Identifier: MIT
//
// inbox.hpp: where a pool's tasks arrive: by priority, and within one strictly in the order submitted.
//
//     submitters                             workers
//     push()  →  arrived (mutex A)    →      try_take()  →  next (mutex B)
//                          all at once, when next has nothing as high
//
// Two locks, so that submitters and workers seldom wait for each other. To take tasks, a worker needs mutex A only when it
// fetches all tasks that have arrived, once per burst. empty() and size(), which a worker calls before it sleeps, take
// both. Lock order: B, then A. A take sees every push that happened before it. The masks are hints for threads that look
// without a lock.
// Threads: all members from any thread. Ownership of tasks as in task.hpp; empty when destroyed.
#pragma once

#include <cstddef>
#include <mutex>
#include <utility>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/spin_mutex.hpp"
#include "concurrent/futures/detail/task/priority_queue.hpp"
#include "concurrent/futures/detail/task/task.hpp"
#include "concurrent/futures/options.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class Inbox {
  public:
    /// False when closed: the task is still the caller's.
    bool push(Task& task, Priority priority) noexcept {
        const std::lock_guard lock(arrived_.mutex);
        if (closed_) return false;
        arrived_.add(task, priority);
        ++arrived_.pushed;
        return true;
    }
    /// All of them, one behind the other. False when closed: they are still the caller's.
    bool push_all(TaskQueue& tasks, Priority priority) noexcept {
        const std::lock_guard lock(arrived_.mutex);
        if (closed_) return false;
        arrived_.pushed += tasks.size();
        arrived_.tasks.push_all(std::move(tasks), priority);
        arrived_.note();
        return true;
    }
    /// Also when closed: for tasks that a worker leaves behind.
    void push_back(Task& task) noexcept {
        const std::lock_guard lock(arrived_.mutex);
        arrived_.add(task, Priority::normal);
    }

    /// The oldest of the highest priority, if that is at least `lowest`; or null.
    Task* try_take(Priority lowest = Priority::low) noexcept {
        const std::lock_guard lock(next_.mutex);
        if (held_) return nullptr;
        int highest = next_.tasks.highest();
        // relaxed: a push that happened before is seen; later pushes may be missed.
        if (arrived_.mask.load(std::memory_order_relaxed) >> (highest + 1)) {
            fetch();
            highest = next_.tasks.highest();
        }
        if (highest < static_cast<int>(lowest)) return nullptr;
        Task* const task = next_.tasks.try_pop_of(highest);
        if (!next_.tasks.has(highest)) next_.note();
        return task;
    }

    /// Without a lock: whether it is worth looking for a task of at least this priority.
    bool looks_empty(Priority lowest = Priority::low) const noexcept {
        // relaxed: a hint.
        const unsigned mask = arrived_.mask.load(std::memory_order_relaxed) |
                              next_.mask.load(std::memory_order_relaxed);
        return mask >> static_cast<unsigned>(lowest) == 0;
    }
    /// With the locks: for threads that go to sleep if it is empty.
    bool empty() const noexcept {
        const std::lock_guard lock(next_.mutex);
        const std::lock_guard also(arrived_.mutex);
        return next_.tasks.empty() && arrived_.tasks.empty();
    }
    std::size_t size() const noexcept {
        const std::lock_guard lock(next_.mutex);
        const std::lock_guard also(arrived_.mutex);
        return next_.tasks.size() + arrived_.tasks.size();
    }

    /// While `held`, try_take() gives nothing. What it gave before has left the inbox when this returns.
    void hold(bool held) noexcept {
        const std::lock_guard lock(next_.mutex);
        held_ = held;
    }

    /// How many tasks the workers fetched last time: a hint how fast tasks arrive.
    std::size_t last_fetched() const noexcept {
        return last_fetched_.load(std::memory_order_relaxed);  // relaxed: a hint
    }

    /// From now on push() takes nothing.
    void close() noexcept {
        const std::lock_guard lock(arrived_.mutex);
        closed_ = true;
    }
    PriorityQueue take_all() noexcept {
        const std::lock_guard lock(next_.mutex);
        fetch();
        PriorityQueue all(std::move(next_.tasks));
        next_.note();
        return all;
    }
    /// Takes out what run() would find cancelled or claimed. O(size).
    PriorityQueue take_spent() noexcept {
        const std::lock_guard lock(next_.mutex);
        fetch();
        PriorityQueue spent = next_.tasks.take_spent();
        next_.note();
        return spent;
    }
    /// Takes out this task; false when it is not here. O(size).
    bool remove(const Task& task, Priority priority) noexcept {
        const std::lock_guard lock(next_.mutex);
        fetch();
        const bool removed = next_.tasks.remove(task, priority);
        next_.note();
        const std::lock_guard also(arrived_.mutex);
        if (removed) --arrived_.pushed;
        return removed;
    }
    /// How many push() and push_all() have taken, without those that remove() took out.
    std::size_t pushed() const noexcept {
        const std::lock_guard lock(arrived_.mutex);
        return arrived_.pushed;
    }

  private:
    struct alignas(64) Side {
        mutable SpinMutex mutex;
        Atomic<unsigned> mask{0};  // bit n: there is a task of level n. Written under the mutex
        std::size_t pushed = 0;    // guarded by mutex, of arrived_: see pushed()
        PriorityQueue tasks;       // guarded by mutex

        void add(Task& task, Priority priority) noexcept {
            tasks.push(task, priority);
            set(mask.load(std::memory_order_relaxed) | 1u << static_cast<unsigned>(priority));
        }
        /// After tasks have been taken: a level above those that are left is empty now.
        void note() noexcept {
            set((1u << (tasks.highest() + 1)) - 1);
        }
        void set(unsigned bits) noexcept {
            // relaxed, both: written under the mutex only; read without it as a hint only.
            if (mask.load(std::memory_order_relaxed) != bits)
                mask.store(bits, std::memory_order_relaxed);
        }
    };

    /// Brings all that has arrived to those that are next. With next_.mutex held.
    void fetch() noexcept {
        const std::lock_guard lock(arrived_.mutex);
        last_fetched_.store(arrived_.tasks.size(), std::memory_order_relaxed);  // relaxed: a hint
        next_.tasks.append(std::move(arrived_.tasks));
        arrived_.set(0);
        next_.note();
    }

    Side arrived_;
    bool closed_ = false;  // guarded by arrived_.mutex
    Side next_;
    bool held_ = false;  // guarded by next_.mutex
    Atomic<std::size_t> last_fetched_{0};
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
