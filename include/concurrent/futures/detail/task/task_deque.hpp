// SPDX-License-Identifier: MIT
//
// task_deque.hpp: a ring of pointers to the tasks that one worker has submitted itself.
//
//     owner                                     owner and others
//     push(), try_remove()                      try_pop_oldest(), take_spent()
//
// A task knows its place, so a worker that is about to wait for it can take it out of the middle.
// Not synchronised: the owner brings the lock. Ownership as in task.hpp; empty when destroyed. Grows as
// needed; a ring that was large is given back when it runs empty.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/detail/task/task.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class TaskDeque {
  public:
    /// `first`: the place of the first task. Any will do; a test starts near the largest number.
    explicit TaskDeque(std::size_t first = 0) noexcept : oldest_(first), end_(first) {}

    bool empty() const noexcept { return oldest_ == end_; }
    /// With the places of removed ones between the oldest and the newest.
    std::size_t size() const noexcept { return end_ - oldest_; }

    /// Makes room for `more` tasks. Throws std::bad_alloc; then nothing has changed.
    void reserve(std::size_t more) {
        while (capacity_ - size() < more) grow();
    }
    /// Throws as reserve() does.
    void push(Task& task) {
        reserve(1);
        // relaxed: see Task::link_.
        task.link_.store(end_, std::memory_order_relaxed);
        slot(end_++) = &task;
    }
    Task* try_pop_oldest() noexcept {
        if (empty()) return nullptr;
        Task* const task = slot(oldest_);
        skip_oldest();
        return task;
    }
    /// Where the tasks are that take_spent() looks at.
    struct Places {
        std::size_t first, end;
    };
    Places places() const noexcept { return {oldest_, end_}; }
    /// Moves what run() would find cancelled or claimed from these places to `spent`. Places that are not used any more
    /// are skipped.
    void take_spent(Places places, TaskQueue& spent) noexcept {
        for (std::size_t at = places.first; at != places.end; ++at) {
            if (at - oldest_ >= size() || !slot(at) || slot(at)->standing() == Task::Standing::waiting) continue;
            spent.push_back(*std::exchange(slot(at), nullptr));
        }
        if (!empty() && !slot(end_ - 1)) skip_newest();
        if (!empty() && !slot(oldest_)) skip_oldest();
    }
    /// Takes out this one; false when it is not here.
    bool try_remove(const Task& task) noexcept {
        // relaxed: if it is in another queue this is any number, and then not its place here.
        const std::size_t place = task.link_.load(std::memory_order_relaxed);
        if (place - oldest_ >= size() || slot(place) != &task) return false;
        if (place + 1 == end_)
            skip_newest();
        else if (place == oldest_)
            skip_oldest();
        else
            slot(place) = nullptr;
        return true;
    }

  private:
    static constexpr std::size_t first_capacity = tuning::first_deque_places, large = tuning::large_deque;

    Task*& slot(std::size_t at) noexcept { return slots_[at & (capacity_ - 1)]; }
    [[gnu::noinline]] void grow() {
        const std::size_t capacity = capacity_ == 0 ? first_capacity : capacity_ * 2;
        auto grown = std::make_unique<Task*[]>(capacity);
        for (std::size_t at = oldest_; at != end_; ++at) grown[at & (capacity - 1)] = slot(at);
        slots_ = std::move(grown);
        capacity_ = capacity;
    }
    // The oldest and the newest place are never those of removed ones.
    void skip_newest() noexcept {
        do --end_;
        while (!empty() && !slot(end_ - 1));
        if (empty() && capacity_ >= large) give_back();
    }
    void skip_oldest() noexcept {
        do ++oldest_;
        while (!empty() && !slot(oldest_));
        if (empty() && capacity_ >= large) give_back();
    }
    [[gnu::noinline]] void give_back() noexcept {
        slots_.reset();
        capacity_ = 0;
    }

    std::unique_ptr<Task*[]> slots_;
    std::size_t capacity_ = 0;  // zero or a power of two
    // Both count up for ever and may wrap around: the capacity divides 2^32 and 2^64, so a place keeps its slot, and
    // what is used is their difference, which is at most the capacity.
    std::size_t oldest_ = 0;
    std::size_t end_ = 0;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
