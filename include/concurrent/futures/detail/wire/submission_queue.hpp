// SPDX-License-Identifier: MIT
//
// submission_queue.hpp: the tasks of a process pool or of a pool of MPI ranks that wait for a worker.
//
//     if (!queue.intake.push(task, Priority::normal)) …   // any thread, without the mutex; closed
//     queue.collect();                                    // with the mutex of the engine, as all below
//     queue.begin_look();                                 // the engine, which hands out what there is
//     while (RemoteTask* task = queue.next(release)) …
//     queue.put_back(*task);                              // to the front
//
// A cancelled task stays in the queue until it is met, or until half of the queue is cancelled: so a cancel() costs
// little. Ownership: the queue holds one reference to each task.
#pragma once

#include <cstddef>
#include <cstdint>

#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/platform/lock_rule.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/detail/wire/task_intake.hpp"
#include "concurrent/futures/detail/wire/task_lists.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class SubmissionQueue {
  public:
    explicit SubmissionQueue(const LockRule& rule = LockRule::none()) noexcept : rule_(rule) {}

    /// Where any thread puts tasks, without the mutex of the engine. All below is with it.
    TaskIntake intake;

    /// What was pushed goes behind what waits. Any thread: one that counts tasks or cancels one does it, too.
    void collect() noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        const std::size_t before = size();
        intake.move_to(levels_);
        has_new_ = has_new_ || size() != before;
    }
    /// The engine collects, and then hands out what waits.
    void begin_look() noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.writable());
        collect();
        has_new_ = false;
    }
    /// Tasks have come since begin_look(), whoever has collected them: the engine must not sleep.
    bool has_new() const noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        return has_new_ || intake.has_tasks();
    }
    /// intake.push() returns false from here on.
    void close() noexcept {
        intake.close();
        collect();
    }
    /// With the cancelled tasks, of what was collected.
    std::size_t size() const noexcept { return levels_[0].size() + levels_[1].size() + levels_[2].size(); }
    std::size_t waiting() const noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        return size() - cancelled_;
    }

    /// The first task that is still wanted; null if there is none. Its reference is the caller's. `release(task)` gets
    /// the references of cancelled ones.
    template <class Release>
    RemoteTask* next(Release release) {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        for (std::size_t level = levels_.size(); level-- > 0;) {
            while (!levels_[level].empty()) {
                RemoteTask& task = levels_[level].pop_front();
                if (task.stage == RemoteTask::Stage::queued) return &task;
                CONCURRENT_FUTURES_ASSERT(task.stage == RemoteTask::Stage::revoked && cancelled_ > 0);
                --cancelled_;
                release(task);
            }
        }
        return nullptr;
    }
    /// To the front of its level, with the caller's reference.
    void put_back(RemoteTask& task) noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        task.stage = RemoteTask::Stage::queued;
        task.worker = nullptr;
        levels_[task.level].push_front(task);
    }
    /// Those that wait, highest priority first.
    template <class Visit>
    void for_each_waiting(Visit visit) {
        for (std::size_t level = levels_.size(); level-- > 0;)
            levels_[level].for_each([&](RemoteTask& task) {
                if (task.stage == RemoteTask::Stage::queued) visit(task);
            });
    }
    /// A task that was pushed was cancelled: its stage is revoked. It may not have been collected yet.
    void note_cancelled() noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        ++cancelled_;
        if (intake.may_have_tasks() || cancelled_ > size()) collect();
        CONCURRENT_FUTURES_ASSERT(cancelled_ <= size());
    }
    /// Cancelled tasks whose references are to be dropped, without the mutex. None as long as they are few.
    RemoteTaskQueue take_cancelled() noexcept {
        RemoteTaskQueue taken;
        if (cancelled_ < few) return taken;
        collect();
        if (cancelled_ < size() / 2) return taken;
        for (RemoteTaskQueue& level : levels_)
            level.move_if([](const RemoteTask& task) { return task.stage != RemoteTask::Stage::queued; }, taken);
        CONCURRENT_FUTURES_ASSERT(taken.size() == cancelled_);
        cancelled_ -= taken.size();
        return taken;
    }

  private:
    static constexpr std::size_t few = tuning::cancelled_until_taken_out;

    const LockRule& rule_;
    RemoteTaskQueues levels_;
    std::size_t cancelled_ = 0;  // of those in levels_
    bool has_new_ = false;       // some were collected since begin_look()
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
