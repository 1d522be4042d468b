// SPDX-License-Identifier: MIT
//
// work_queues.hpp: all queues of a thread pool: the inbox, and the deque of each worker.
//
//     Task* task = queues.try_take(worker);      // high priority from the inbox; the worker's own tasks, oldest first;
//                                                // from the inbox; the oldest task of another worker; low priority
//
// Owns the workers' records. They are never removed before the end, so any thread may walk through them. Threads: any.
#pragma once

#include <cstddef>
#include <exception>
#include <memory>
#include <utility>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/detail/scheduling/call_counters.hpp"
#include "concurrent/futures/detail/scheduling/worker.hpp"
#include "concurrent/futures/detail/task/inbox.hpp"
#include "concurrent/futures/detail/task/task.hpp"
#include "concurrent/futures/options.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class WorkQueues {
  public:
    WorkQueues() = default;
    WorkQueues(const WorkQueues&) = delete;
    WorkQueues& operator=(const WorkQueues&) = delete;
    ~WorkQueues() {
        for (Worker* worker = first_worker(); worker;) delete std::exchange(worker, worker->next);
    }

    Inbox inbox;

    /// The others follow by Worker::next. Null: no thread has been started yet.
    Worker* first_worker() const noexcept {
        // (1) acquire, pairs with (2) in add_worker(): the worker's record is complete.
        return first_worker_.load(std::memory_order_acquire);
    }
    /// With the pool's mutex.
    void add_worker(std::unique_ptr<Worker> worker) noexcept {
        // (2) release, pairs with (1) in first_worker(): hands over the worker's record.
        first_worker_.store(worker.release(), std::memory_order_release);
    }

    /// By the worker itself. Null: there is nothing for it.
    Task* try_take(Worker& worker) noexcept {
        if (!inbox.looks_empty(Priority::high))
            if (Task* const task = inbox.try_take(Priority::high)) return task;
        // Tasks that keep submitting others must not keep the inbox waiting for ever.
        const bool inbox_first = ++worker.picked % tuning::tasks_until_inbox_first == 0;
        if (!inbox_first)
            if (Task* const task = worker.try_take_oldest()) return task;
        if (!inbox.looks_empty(Priority::normal))
            if (Task* const task = inbox.try_take(Priority::normal)) return task;
        if (inbox_first)
            if (Task* const task = worker.try_take_oldest()) return task;
        // Those of the others, beginning where it found one the last time: or a worker that has submitted many tasks would
        // cost each of the others a walk past all workers for each of them.
        Worker* const begin = worker.victim ? worker.victim : &worker;
        Worker* other = begin;
        do {
            if (Task* const task = other->try_take_oldest()) {
                worker.victim = other;
                return task;
            }
            other = other->next ? other->next : first_worker();
        } while (other != begin);
        return inbox.looks_empty() ? nullptr : inbox.try_take();
    }

    /// Without locks: a hint.
    bool looks_empty() const noexcept {
        if (!inbox.looks_empty()) return false;
        for (const Worker* worker = first_worker(); worker; worker = worker->next)
            if (!worker->looks_empty()) return false;
        return true;
    }
    /// With the lock of each queue, one after the other.
    bool empty() const noexcept {
        if (!inbox.empty()) return false;
        for (const Worker* worker = first_worker(); worker; worker = worker->next)
            if (!worker->empty()) return false;
        return true;
    }
    std::size_t size() const noexcept {
        std::size_t tasks = inbox.size();
        for (const Worker* worker = first_worker(); worker; worker = worker->next) tasks += worker->size();
        return tasks;
    }

    /// Ends tasks that will not run: with the exception, or as cancelled if it is null. Runs callbacks: without locks.
    /// `calls`: where the calling thread counts. Gives the number of tasks that were cancelled.
    std::size_t abandon_all(const std::exception_ptr& reason, CallCounters& calls) noexcept {
        std::size_t cancelled = 0;
        const auto abandon = [&](Task& task) {
            if (task.abandon(reason) != TaskEnd::cancelled) return;
            calls.cancelled();
            ++cancelled;
        };
        PriorityQueue tasks = inbox.take_all();
        while (Task* const task = tasks.try_pop()) abandon(*task);
        for (Worker* worker = first_worker(); worker; worker = worker->next)
            while (Task* const task = worker->try_take_away()) abandon(*task);
        return cancelled;
    }

    /// While `held`, try_take() finds nothing; nothing is lost. With the pool's mutex.
    void hold(bool held) noexcept {
        // (3) seq_cst, pairs with (4) in is_held().
        held_.store(held, std::memory_order_seq_cst);
        inbox.hold(held);
        for (Worker* worker = first_worker(); worker; worker = worker->next) worker->hold(held);
    }

    /// A task was cancelled, or runs in a wait, and its entry is left in a queue. True now and then: it is time for
    /// take_out_spent().
    bool note_spent() noexcept {
        constexpr std::size_t each = tuning::spent_tasks_until_look;
        // (5) seq_cst, pairs with (6) in see_spent(): hands over what the caller has counted.
        return spent_.fetch_add(1, std::memory_order_seq_cst) % each == each - 1;
    }
    /// After note_spent(). False: whoever holds the queues later and calls see_spent() sees what the caller has counted.
    bool is_held() const noexcept {
        // (4) seq_cst, pairs with (3) in hold(): one order of (3), (4), (5) and (6).
        return held_.load(std::memory_order_seq_cst);
    }
    /// After hold(): see is_held().
    void see_spent() const noexcept {
        // (6) seq_cst, pairs with (5) in note_spent().
        static_cast<void>(spent_.load(std::memory_order_seq_cst));
    }
    /// Frees such entries, unless they are few. That costs as much as the queues are long, and as many tasks as half of
    /// that have been counted before: so each of them costs a few steps.
    void take_out_spent() noexcept {
        // relaxed, both: a count that only tells when it is time.
        if (spent_.load(std::memory_order_relaxed) < size() / 2) return;
        spent_.exchange(0, std::memory_order_relaxed);  // an exchange, so that (6) still sees all of (5)
        PriorityQueue spent = inbox.take_spent();
        while (Task* const task = spent.try_pop()) task->abandon(nullptr);
        TaskQueue own;
        for (Worker* worker = first_worker(); worker; worker = worker->next) worker->take_spent(own);
        while (Task* const task = own.try_pop()) task->abandon(nullptr);
    }

  private:
    Atomic<bool> held_{false};      // written with the pool's mutex
    Atomic<std::size_t> spent_{0};  // counted since take_out_spent() looked last
    alignas(64) Atomic<Worker*> first_worker_{nullptr};
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
