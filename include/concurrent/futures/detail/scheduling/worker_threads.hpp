// SPDX-License-Identifier: MIT
//
// worker_threads.hpp: the engine of a thread pool: one queue, and threads that run what is in it.
//
//     submitter                                worker
//     push the task                            take the oldest task of the highest priority
//     nobody idle, room left: start a thread   more left, nobody on the way: wake or start another
//     somebody idle: wake the newest idler     run the task, without the lock
//                                              nothing left: lie down on the idle stack and sleep
//
// One mutex guards everything here; tasks, hooks and destructors of user code run without it.
// At most one worker is "on the way" (woken or started, not yet at the queue), so that a burst of
// submissions costs one wake-up; the one on the way fetches the next when it sees more to do.
// Nobody is forgotten: after every push and every take, either no task is left, or a worker is on
// the way, or all workers that may exist are busy and will look again.
//
// Lifetime: threads hold a reference, so a pool may be destroyed from one of its own workers.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/fork_generation.hpp"
#include "concurrent/futures/detail/platform/thread_name.hpp"
#include "concurrent/futures/detail/scheduling/call_counters.hpp"
#include "concurrent/futures/detail/scheduling/deadline_timer.hpp"
#include "concurrent/futures/detail/scheduling/parker.hpp"
#include "concurrent/futures/detail/state/shared_state.hpp"
#include "concurrent/futures/detail/state/unhandled.hpp"
#include "concurrent/futures/detail/task/priority_queue.hpp"
#include "concurrent/futures/detail/task/task.hpp"
#include "concurrent/futures/errors.hpp"
#include "concurrent/futures/options.hpp"

namespace concurrent::futures::inline v1::detail {

class WorkerThreads {
  public:
    struct Counts {
        std::size_t workers, idle, pending, running, completed, failed, cancelled;
    };

    /// `options` are checked; max_workers is at least 1. Starts no thread yet.
    explicit WorkerThreads(ThreadPoolOptions options) : options_(std::move(options)) {}
    WorkerThreads(const WorkerThreads&) = delete;
    WorkerThreads& operator=(const WorkerThreads&) = delete;

    /// Takes over the task. Throws ShutdownError, BrokenThreadPool, QueueFullError: then the task is
    /// still the caller's. May block, or run the task here, as `on_full` says.
    void submit(Task& task, Priority priority);

    /// No more submissions; queued tasks still run, or are given up if `cancel_pending`.
    void begin_shutdown(bool cancel_pending);
    /// Waits for all workers to have ended and joins them; false when the deadline passed first. From
    /// a worker of this pool, which cannot wait for itself: returns true at once.
    bool join(const Deadline& deadline);
    /// Before destruction from one of its own workers: the threads end by themselves.
    void detach();

    /// A worker goes to sleep for the first of several calls while one of them needs a worker (`begins`),
    /// and comes back. Meanwhile another one may work in its place.
    void worker_blocks(bool begins);

    Counts counts() const;
    const UnhandledExceptionHook& hook() const noexcept { return options_.on_unhandled_exception; }
    bool reports_unobserved() const noexcept { return options_.report_unobserved; }
    std::size_t max_workers() const noexcept { return options_.max_workers; }
    bool in_forked_child() const noexcept { return fork_generation() != born_; }

    /// The pool whose worker is calling, or null.
    static WorkerThreads* current() noexcept { return current_; }
    CallCounters& calls() noexcept { return calls_; }
    /// For calls with a time limit.
    DeadlineTimer& timer() noexcept { return timer_; }

    void retain() noexcept {
        // relaxed: the caller holds a reference.
        references_.fetch_add(1, std::memory_order_relaxed);
    }
    void release() noexcept {
        // acq_rel, pairs with itself: the last one sees what all others did.
        if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
    }

  private:
    struct Worker {
        Parker parker;
        std::thread thread;
        std::list<Worker>::iterator self;
    };

    ~WorkerThreads() = default;

    bool wait_for_room(std::unique_lock<std::mutex>& lock, Task& task);
    void throw_if_closed() const;
    void start_worker();
    Worker* choose_idle() noexcept;
    void bring_worker_for_rest();
    bool may_grow() const noexcept { return workers_.size() < options_.max_workers + blocked_; }
    bool too_many() const noexcept { return workers_.size() > options_.max_workers + blocked_; }
    void work(Worker& worker) noexcept;
    bool initialize() noexcept;
    void run_tasks(std::unique_lock<std::mutex>& lock, Worker& worker) noexcept;
    bool sleep(std::unique_lock<std::mutex>& lock, Worker& worker) noexcept;
    void abandon(std::unique_lock<std::mutex>& lock, PriorityQueue tasks,
                 const std::exception_ptr& reason) noexcept;

    inline static constinit thread_local WorkerThreads* current_ = nullptr;

    const ThreadPoolOptions options_;
    const unsigned born_ = fork_generation();
    Atomic<std::size_t> references_{1};
    CallCounters calls_;
    DeadlineTimer timer_;

    mutable std::mutex mutex_;
    // All below: guarded by mutex_.
    PriorityQueue queue_;
    std::list<Worker> workers_;   // those that have not ended
    std::list<Worker> ended_;     // to be joined
    std::vector<Worker*> idle_;   // newest last: woken first, its data is warm
    std::size_t on_the_way_ = 0;  // woken or started, not yet at the queue
    std::size_t started_ = 0;     // numbers the threads
    std::size_t cancelled_ = 0;   // taken from the queue so far
    std::size_t blocked_ = 0;     // see worker_blocks()
    bool closed_ = false;
    std::string broken_;  // why, or empty
    std::condition_variable all_ended_;
    std::condition_variable room_;  // for submitters that wait for max_pending
};

inline void WorkerThreads::submit(Task& task, Priority priority) {
    if (in_forked_child())
        throw BrokenThreadPool(
            "ThreadPoolExecutor: made before fork(); its threads are in the parent process. Make a "
            "new pool in the child");
    std::unique_lock lock(mutex_);
    throw_if_closed();
    if (options_.max_pending != 0 && !wait_for_room(lock, task)) return;
    queue_.push(task, priority);
    Worker* idler = nullptr;
    if (!idle_.empty()) {
        if (on_the_way_ == 0) idler = choose_idle();
    } else if (may_grow() && queue_.size() > on_the_way_) {
        try {
            start_worker();
        } catch (const std::exception& error) {
            if (workers_.empty()) {
                queue_.remove_newest(priority);
                throw BrokenThreadPool(
                    std::string("ThreadPoolExecutor: cannot start a worker thread: ") + error.what());
            }
        }
    }
    lock.unlock();
    if (idler) idler->parker.wake();
}

/// False when the task was dealt with here.
inline bool WorkerThreads::wait_for_room(std::unique_lock<std::mutex>& lock, Task& task) {
    // A worker never waits for room: it may be the one that has to make it.
    if (queue_.size() < options_.max_pending || current_ == this) return true;
    // Cancelled calls, and those that a waiting worker has run, still have their entries.
    abandon(lock, queue_.take_spent(), nullptr);
    throw_if_closed();
    if (queue_.size() < options_.max_pending) return true;
    switch (options_.on_full) {
        case QueueFull::raise:
            throw QueueFullError("ThreadPoolExecutor: " + std::to_string(queue_.size()) +
                                 " calls are waiting, which is max_pending; submit later, or choose "
                                 "QueueFull::block or caller_runs");
        case QueueFull::caller_runs: {
            lock.unlock();
            const TaskEnd end = task.run();
            lock.lock();
            cancelled_ += end == TaskEnd::cancelled;
            return false;
        }
        case QueueFull::block: break;
    }
    room_.wait(lock, [this] {
        return queue_.size() < options_.max_pending || closed_ || !broken_.empty();
    });
    throw_if_closed();
    return true;
}

inline void WorkerThreads::throw_if_closed() const {
    if (!broken_.empty()) throw BrokenThreadPool(broken_);
    if (closed_) throw ShutdownError("ThreadPoolExecutor: cannot schedule new calls after shutdown");
}

/// Throws what std::thread throws; then nothing has changed.
inline void WorkerThreads::start_worker() {
    Worker& worker = workers_.emplace_back();
    worker.self = std::prev(workers_.end());
    try {
        idle_.reserve(workers_.size());  // so that lying down cannot throw
        retain();
        try {
            worker.thread = std::thread([this, &worker, number = started_] {
                name_current_thread(options_.thread_name_prefix, number);
                work(worker);
                release();
            });
        } catch (...) {
            release();
            throw;
        }
    } catch (...) {
        workers_.pop_back();
        throw;
    }
    ++started_;
    ++on_the_way_;
}

inline WorkerThreads::Worker* WorkerThreads::choose_idle() noexcept {
    Worker* const worker = idle_.back();
    idle_.pop_back();
    ++on_the_way_;
    return worker;
}

inline void WorkerThreads::work(Worker& worker) noexcept {
    current_ = this;
    this_thread_may_help = true;
    substitute_this_worker = [](bool begins) { current_->worker_blocks(begins); };
    const bool ready = initialize();
    std::unique_lock lock(mutex_);
    --on_the_way_;
    if (ready) {
        run_tasks(lock, worker);
    } else {
        abandon(lock, std::move(queue_), std::make_exception_ptr(BrokenThreadPool(broken_)));
    }
    if (ready && options_.worker_exit) {
        lock.unlock();
        try {
            options_.worker_exit();
        } catch (...) {
            report_unhandled(hook(), std::current_exception(), "worker_exit");
        }
        lock.lock();
    }
    // Each ending thread joins those that ended before, so that they do not pile up.
    for (std::list<Worker> before; !ended_.empty(); lock.lock()) {
        before.splice(before.end(), ended_);
        lock.unlock();
        for (Worker& ended : before)
            if (ended.thread.joinable()) ended.thread.join();
    }
    ended_.splice(ended_.end(), workers_, worker.self);
    // What was submitted since this worker left the queue may have counted on it.
    bring_worker_for_rest();
    if (workers_.empty() && !queue_.empty())
        abandon(lock, std::move(queue_), std::make_exception_ptr(BrokenThreadPool(
                              "ThreadPoolExecutor: cannot start a worker thread")));
    all_ended_.notify_all();
}

/// False when the initializer threw: the pool is broken now.
inline bool WorkerThreads::initialize() noexcept {
    std::string why = "ThreadPoolExecutor: the initializer threw";
    try {
        if (options_.initializer) options_.initializer();
        return true;
    } catch (const std::exception& error) {
        why += std::string(": ") + error.what();
    } catch (...) {
        why += " something that is no std::exception";
    }
    const std::lock_guard lock(mutex_);
    if (broken_.empty()) broken_ = why + "; the pool cannot be used any more";
    return false;
}

inline void WorkerThreads::run_tasks(std::unique_lock<std::mutex>& lock, Worker& worker) noexcept {
    while (!too_many()) {
        if (Task* const task = queue_.try_pop()) {
            if (options_.max_pending != 0) room_.notify_one();
            bring_worker_for_rest();
            lock.unlock();
            const TaskEnd end = task->run();
            lock.lock();
            cancelled_ += end == TaskEnd::cancelled;
        } else if (closed_ || !broken_.empty() || !sleep(lock, worker)) {
            return;
        }
    }
}

/// After a take: if more is left and nobody is on the way to it, sends somebody.
inline void WorkerThreads::bring_worker_for_rest() {
    if (on_the_way_ != 0 || queue_.empty()) return;
    if (!idle_.empty()) {
        choose_idle()->parker.wake();
    } else if (may_grow()) {
        try {
            start_worker();
        } catch (...) {  // the workers there are will do it
        }
    }
}

/// With nothing to do. False: this worker has been idle for idle_timeout and should end.
inline bool WorkerThreads::sleep(std::unique_lock<std::mutex>& lock, Worker& worker) noexcept {
    worker.parker.reset();
    idle_.push_back(&worker);
    lock.unlock();
    worker.parker.park(Deadline::after(options_.idle_timeout));
    lock.lock();
    if (std::erase(idle_, &worker) != 0) return false;
    // Chosen by somebody. If the time was up just then, his wake-up is still to come, and this object must
    // not go away before it.
    lock.unlock();
    worker.parker.park(Deadline::never());
    lock.lock();
    --on_the_way_;
    return true;
}

inline void WorkerThreads::abandon(std::unique_lock<std::mutex>& lock, PriorityQueue tasks,
                                   const std::exception_ptr& reason) noexcept {
    room_.notify_all();
    lock.unlock();
    std::size_t cancelled = 0;
    while (Task* const task = tasks.try_pop())
        cancelled += task->abandon(reason) == TaskEnd::cancelled;
    lock.lock();
    cancelled_ += cancelled;
}

inline void WorkerThreads::begin_shutdown(bool cancel_pending) {
    if (in_forked_child()) return;
    std::unique_lock lock(mutex_);
    closed_ = true;
    room_.notify_all();
    if (cancel_pending) abandon(lock, std::move(queue_), nullptr);
    // Idle workers have nothing to do and must see that; busy ones see it when they come back.
    while (!idle_.empty()) choose_idle()->parker.wake();
}

inline bool WorkerThreads::join(const Deadline& deadline) {
    if (current_ == this || in_forked_child()) return true;
    std::unique_lock lock(mutex_);
    const auto all_ended = [this] { return workers_.empty(); };
    if (deadline.is_never())
        all_ended_.wait(lock, all_ended);
    else if (!all_ended_.wait_until(lock, deadline.at(), all_ended))
        return false;
    // Their last act was to hand over this mutex: joining takes no time. One caller gets them all.
    std::list<Worker> ended;
    ended.swap(ended_);
    lock.unlock();
    for (Worker& worker : ended) worker.thread.join();
    timer_.stop();
    return true;
}

inline void WorkerThreads::detach() {
    const std::lock_guard lock(mutex_);
    for (Worker& worker : workers_) worker.thread.detach();
    for (Worker& worker : ended_) worker.thread.detach();
    ended_.clear();
}

inline void WorkerThreads::worker_blocks(bool begins) {
    const std::lock_guard lock(mutex_);
    begins ? ++blocked_ : --blocked_;
    bring_worker_for_rest();
    if (too_many() && !idle_.empty()) choose_idle()->parker.wake();  // to leave
}

inline WorkerThreads::Counts WorkerThreads::counts() const {
    if (in_forked_child()) return {};  // somebody may have held the mutex at the fork
    const std::lock_guard lock(mutex_);
    Counts counts{workers_.size(),    idle_.size(),    0,         calls_.running(),
                  calls_.completed(), calls_.failed(), cancelled_};
    queue_.for_each([&](const Task& task) {
        counts.pending += task.standing() == Task::Standing::waiting;
        counts.cancelled += task.standing() == Task::Standing::cancelled;
    });
    return counts;
}

}  // namespace concurrent::futures::inline v1::detail
