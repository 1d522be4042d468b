// SPDX-License-Identifier: MIT
//
// task_lists.hpp: where the tasks of a process pool or of a pool of MPI ranks wait: to be sent (RemoteTaskQueue), and to be
// told how they ended (EndingList, Deliveries).
//
//     queue.push_back(task);            RemoteTask* next = queue.try_pop();
//     endings.add(task, Ending::Kind::failure);     // with task.ending.error set before
//     endings.release(task);                        // only a reference goes
//
// The links are members of the task, so a task can change its place when there is no memory: otherwise it
// would be in none, and its future would never end. The lists own nothing: the code that puts a task in hands one
// reference over with it. Threads: not synchronised. A task is in one queue and in one EndingList at most. It is in both
// if one worker has let go of it and it is queued for another.
#pragma once

#include <array>
#include <cstddef>
#include <utility>

#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/detail/task/intrusive_queue.hpp"
#include "concurrent/futures/detail/wire/remote_task.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

using RemoteTaskQueue = IntrusiveQueue<RemoteTask, MemberLink<&RemoteTask::behind>>;
/// Tasks that were revoked together, and may still be in the queue, too.
using RevokedTasks = IntrusiveQueue<RemoteTask, MemberLink<&RemoteTask::next_revoked>>;

/// First in, first out. A task that is in the list already is told everything at its place there.
class EndingList {
  public:
    bool empty() const noexcept { return tasks_.empty(); }

    /// The task ends in this way; a reference is let go of.
    void add(RemoteTask& task, Ending::Kind kind) noexcept {
        task.ending.kind = kind;
        release(task);
    }
    /// A reference is let go of.
    void release(RemoteTask& task) noexcept {
        ++task.ending.references;
        if (!std::exchange(task.ending.listed, true)) tasks_.push_back(task);
    }
    /// This task is the only one in the list.
    bool is_only(const RemoteTask& task) const noexcept { return tasks_.first() == &task && tasks_.size() == 1; }
    /// There must be one.
    const RemoteTask& front() const noexcept { return *tasks_.first(); }
    /// There must be one. Its ending is for the caller to take.
    RemoteTask& pop_front() noexcept { return tasks_.pop_front(); }

  private:
    IntrusiveQueue<RemoteTask, MemberLink<&RemoteTask::next_ended>> tasks_;
};

/// Endings on their way, a few at a time. Owns nothing, needs no memory.
class Deliveries {
  public:
    struct Delivery {
        RemoteTask* task;
        Ending ending;
    };

    bool empty() const noexcept { return next_ == end_; }
    /// Of an empty one, which takes as many as there is room for.
    void take_from(EndingList& list) noexcept {
        take_from(list, [](const RemoteTask&) { return true; });
    }
    /// Up to the first task for which `condition(task)` does not hold.
    template <class Condition>
    void take_from(EndingList& list, Condition condition) noexcept {
        for (next_ = end_ = 0; end_ < some_.size() && !list.empty() && condition(list.front()); ++end_) {
            some_[end_].task = &list.pop_front();
            some_[end_].ending = std::exchange(some_[end_].task->ending, {});
        }
    }
    /// There must be one.
    Delivery pop_front() noexcept { return std::move(some_[next_++]); }

  private:
    std::array<Delivery, tuning::deliveries_at_once> some_{};
    std::size_t next_ = 0;
    std::size_t end_ = 0;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
