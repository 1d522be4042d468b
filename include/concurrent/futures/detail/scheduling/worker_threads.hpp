// SPDX-License-Identifier: MIT
//
// worker_threads.hpp: the engine of a thread pool: where tasks arrive, and threads that run them.
//
//     a thread outside  ──▶  inbox: by priority, strictly in the order submitted  ──┐
//     a task of this pool ─▶ its worker's own deque, at normal priority ────────────┴─▶ workers
//
//     a worker takes    high priority from the inbox; its own tasks, oldest first; from the inbox; the
//                       oldest task of another worker; low priority
//     finds nothing     searches: looks again for about spin_time, only one worker at a time, and not where that
//                       has been in vain for some times; then sleeps
//     finds something   having searched: if more is left, brings the next worker
//     a submitter       brings a worker (wakes one that sleeps, or starts one) if none is searching
//
// So a burst of submissions costs one wake-up. Proof that no task is forgotten:
//   A worker W that lies down lowers searching_, and then looks into all queues with their locks (work_is_left()).
//   A submitter pushes with the lock of a queue and then reads searching_. If its push came after W's look, the
//   lock has handed W's decrement over: it reads 0, or relies on another worker, who will look in turn. If its
//   push came before, W sees the task. The same for available_, which W raises before that look.
//   A worker W that has found something lowers searching_ and later taking_, and then reads available_ (A). If that
//   is not 0 it looks into all queues as above. Others (a submitter, or a worker that blocks) read searching_ or
//   taking_ (B) after available_ was raised (C), which they know by a lock. A, B, C and the decrements are seq_cst, so
//   all threads agree on one order. If B comes before the decrement, C comes before A, and W looks. Else B
//   sees the decrement, and does not rely on W. Should A read a 0 that was stored after C, then all
//   places are taken again, by workers that will look after that.
//   A worker that is one too many lowers searching_ with mutex_ and sleeps without a look. Then max_workers
//   others are at work. Each looks before it lies down or, with mutex_, when it blocks.
//
// Tasks, hooks and destructors of user code run without a lock. Lifetime: threads hold a reference, so a
// pool may be destroyed from one of its own workers. Lock order: mutex_, then those of inbox and deques.
// Measured against one mutex around one queue: benchmarks/README.md. Wake-ups: cf. tokio's scheduler.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/fork_generation.hpp"
#include "concurrent/futures/detail/platform/futex.hpp"
#include "concurrent/futures/detail/platform/sized_thread.hpp"
#include "concurrent/futures/detail/platform/thread_attributes.hpp"
#include "concurrent/futures/detail/platform/timed_wait.hpp"
#include "concurrent/futures/detail/scheduling/call_counters.hpp"
#include "concurrent/futures/detail/scheduling/deadline_timer.hpp"
#include "concurrent/futures/detail/scheduling/worker.hpp"
#include "concurrent/futures/detail/state/pool_watch.hpp"
#include "concurrent/futures/detail/state/shared_state.hpp"
#include "concurrent/futures/detail/state/unhandled.hpp"
#include "concurrent/futures/detail/task/inbox.hpp"
#include "concurrent/futures/detail/task/task.hpp"
#include "concurrent/futures/errors.hpp"
#include "concurrent/futures/options.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class WorkerThreads {
  public:
    struct Counts {
        std::size_t workers, idle, pending, running, completed, failed, cancelled;
    };

    /// `options` are checked; max_workers is at least 1. Starts no thread yet.
    explicit WorkerThreads(ThreadPoolOptions options)
        : options_(std::move(options)),
          watch_(options_.observer, "threads", options_.thread_name_prefix, options_.max_workers,
                 options_.on_unhandled_exception),
          available_(options_.max_workers) {}
    WorkerThreads(const WorkerThreads&) = delete;
    WorkerThreads& operator=(const WorkerThreads&) = delete;

    /// Takes over the task. Throws ShutdownError, BrokenThreadPool, QueueFullError, std::bad_alloc: then
    /// the task is still the caller's. May block, or run the task here, as `on_full` says.
    void submit(Task& task, Priority priority);

    /// Takes over all of them at normal priority, with one lock and one wake-up; or throws as submit() does,
    /// and has none. Where no thread can be started they end with BrokenThreadPool. Not with max_pending.
    void submit_all(TaskQueue& tasks);

    /// No more submissions; queued tasks still run, or are given up if `cancel_pending`.
    void begin_shutdown(bool cancel_pending);
    /// Tasks that no worker has taken end as cancelled.
    void cancel_pending() noexcept;
    /// Waits for all workers to have ended and joins them; false when the deadline passed first. From
    /// a thread of this pool, which cannot wait for itself: returns true at once.
    bool join(const Deadline& deadline);
    /// Waits until no task waits or runs; false when the deadline passed first. Throws in a thread of this pool.
    bool wait_idle(const Deadline& deadline);
    /// Before destruction from one of its own threads: they end by themselves.
    void detach();

    /// There is room for one more at max_pending: a worker has taken a task from the queue.
    void note_room() noexcept;
    /// The same, but the entry of the task is still in the queue: it was cancelled, or runs in a wait.
    void note_spent() noexcept;
    /// A worker goes to sleep in some wait, is still there, and comes back: see blocking.hpp.
    BlockingWorker::Substitute begin_block() noexcept;
    void end_block() noexcept;
    void watch_blocked() noexcept;

    Counts counts() const;
    const UnhandledExceptionHook& hook() const noexcept { return options_.on_unhandled_exception; }
    bool reports_unobserved() const noexcept { return options_.report_unobserved; }
    /// Its calls need it after they have ended, or when they are cancelled.
    bool outlived_by_calls() const noexcept {
        return hook() || reports_unobserved() || options_.max_pending != 0 || watch_ || !is_of_this_module();
    }
    /// What the pool's observer is told, if there is one.
    const PoolWatch& watch() const noexcept { return watch_; }
    bool is_bounded() const noexcept { return options_.max_pending != 0; }
    std::size_t max_workers() const noexcept { return options_.max_workers; }
    bool in_forked_child() const noexcept { return born_.in_forked_child(); }

    /// The calling thread is a worker of this pool, or runs a stop callback of a call whose time is up: in that the
    /// call may wait for the callback.
    bool is_own_thread() const { return current_worker() || timer_.runs_here(); }
    /// The calling worker, if it is one of this pool's, or null.
    Worker* current_worker() const noexcept {
        return is_of_this_module() || this_worker ? worker_of(this, this_worker) : worker_of(this, home_.worker());
    }
    /// As current_worker(), of a pool of this module that may be gone.
    static Worker* current_worker_of(const WorkerThreads* pool) noexcept { return worker_of(pool, this_worker); }
    /// Its workers run code of the module that this is compiled into, and so have the same `this_worker`.
    bool is_of_this_module() const noexcept { return home_.worker == &worker_here; }
    /// Where the calling thread counts what it does for this pool.
    CallCounters& calls() noexcept { return calls_of(current_worker()); }
    CallCounters& calls_of(Worker* here) noexcept { return here ? here->calls : calls_of_others_; }
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
    using Lock = std::unique_lock<std::mutex>;

    ~WorkerThreads();

    // Submitting.
    void throw_if_forked() const;
    void submit_within_bound(Task& task, Priority priority);
    [[noreturn]] void throw_closed() const;
    void wait_for_room(Lock& lock, bool urgent);
    int count_room() noexcept;
    void give_room() noexcept;
    void wake_submitters(int count) noexcept;
    void unsubmit_or_keep(Task& task, Priority priority, const std::exception& error);

    // Bringing workers: with mutex_ held where they take the lock.
    void bring_worker(Lock& lock);
    bool bring_worker_for_rest() noexcept;
    Worker& choose_idle() noexcept;
    void start_worker();
    void recount() noexcept;
    bool should_grow() const noexcept;
    std::size_t most_threads() const noexcept {
        return options_.max_workers + BlockingWorker::most_substitutes;
    }
    /// Threads that run a task or look for one.
    std::size_t at_work() const noexcept { return alive_ - idle_.size() - blocked_; }
    bool too_many() const noexcept { return at_work() > options_.max_workers; }
    bool work_is_left() const noexcept;
    /// All workers sleep, and there is nothing to wake them for.
    bool is_idle() const noexcept { return alive_ == idle_.size() && !work_is_left(); }
    std::size_t backlog() const noexcept;

    // A worker's life.
    template <class Last>
    void work(Worker& worker, Last last);
    void live(Worker& worker);
    bool initialize();
    void give_up(std::string why) noexcept;
    void run_worker_exit();
    void run_tasks(Worker& worker);
    bool sees_work() const noexcept;
    Task* try_take(Worker& worker) noexcept;
    Task* search(Worker& worker) noexcept;
    void adapt_patience(Worker& worker, int looks) noexcept;
    bool lie_down(Worker& worker) noexcept;
    void rest(Worker& worker, bool substitute) noexcept;
    void end(Worker& worker) noexcept;

    void abandon(PriorityQueue tasks, const std::exception_ptr& reason) noexcept;
    static std::exception_ptr cannot_start();
    void abandon_all(const std::exception_ptr& reason) noexcept;
    Worker* first_worker() const noexcept {
        // (4) acquire, pairs with (3): the worker is complete.
        return first_worker_.load(std::memory_order_acquire);
    }

    static constexpr std::chrono::seconds substitutes_patience{1};  // idle for so long
    static constexpr std::chrono::milliseconds room_patience{5};
    static constexpr int pointless = 4;  // spinning, after so many long rests

    static Worker* worker_of(const WorkerThreads* pool, BlockingWorker* here) noexcept {
        auto* const worker = static_cast<Worker*>(here);
        return worker && &worker->pool == pool ? worker : nullptr;
    }
    static BlockingWorker* worker_here() noexcept { return this_worker; }
    static SizedThread start_thread(WorkerThreads& pool, Worker& worker, std::size_t number);

    // Code of the module that made the pool. Shared libraries may each have a copy of this class and of
    // `this_worker`; workers are started and asked for in one of them only.
    struct Home {
        BlockingWorker* (*worker)() noexcept;
        SizedThread (*start_thread)(WorkerThreads&, Worker&, std::size_t);
    };
    const Home home_{&worker_here, &start_thread};
    const ThreadPoolOptions options_;
    /// 0: what the system gives to threads.
    const std::size_t stack_size_ =
        options_.stack_size != 0 ? std::size_t{options_.stack_size} : stack_size_of_main();
    const PoolWatch watch_;
    const ForkMark born_;
    Atomic<std::size_t> references_{1};
    CallCounters calls_of_others_{CallCounters::Writers::many};
    const ThreadAttributes attributes_ = ThreadAttributes::of_this_thread();  // which made the pool
    DeadlineTimer timer_{attributes_};
    Inbox inbox_;

    // Read at each submission; written rarely under load.
    alignas(64) Atomic<std::size_t> searching_{0};  // workers that will look into all queues once more
    Atomic<std::size_t> taking_{0};  // of those that have found something: not taken yet
    Atomic<std::size_t> available_;  // workers that could be brought: asleep, or not started yet
    Atomic<bool> closed_{false};     // shut down, or broken
    Atomic<bool> surplus_{false};    // too_many(), for those without the mutex
    Atomic<Worker*> first_worker_{nullptr};

    mutable std::mutex mutex_;
    // All below: guarded by mutex_.
    std::vector<Worker*> idle_;    // asleep; newest last: woken first, its data is warm
    std::vector<Worker*> ended_;   // to be joined
    std::vector<Worker*> vacant_;  // joined: for the next thread
    std::size_t alive_ = 0;        // threads that have not ended
    std::size_t starting_ = 0;     // of them: not yet at work
    std::size_t started_ = 0;      // numbers the threads
    std::size_t blocked_ = 0;      // of alive_: asleep in a wait
    // For watch_blocked(): how many calls had begun when that changed last.
    std::size_t begun_ = 0;
    std::chrono::steady_clock::time_point begun_at_{};
    std::string broken_;           // why, or empty
    std::size_t waiting_for_idle_ = 0;  // threads in wait_idle()
    std::condition_variable all_ended_;  // and: all workers that there are sleep
    // Counts wake-ups of submitters that wait at max_pending, who read it without the mutex. It may wrap around: a
    // wake-up is missed only if exactly 2^32 come before the submitter that has read it sleeps, and then the next one
    // counts.
    FutexWord room_{0};
    std::size_t waiting_for_room_ = 0;  // submitters
    std::size_t urgent_for_room_ = 0;   // of them: woken at each free place, see count_room()
    std::size_t freed_ = 0;             // places, since submitters were woken last
    bool may_have_spent_ = false;       // the queue may have entries of tasks that are cancelled or run already
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail

#include "concurrent/futures/detail/scheduling/worker_threads_hooks.hpp"   // IWYU pragma: export
#include "concurrent/futures/detail/scheduling/worker_threads_life.hpp"    // IWYU pragma: export
#include "concurrent/futures/detail/scheduling/worker_threads_submit.hpp"  // IWYU pragma: export
