// SPDX-License-Identifier: MIT
//
// thread_call.hpp: one task of a thread pool: state, outcome, callable and arguments in one allocation, linked into the
// pool's queue.
//
// The queue keeps a producer reference until a worker runs the task or the pool abandons it. Meanwhile the task may be
// cancelled, or a worker that waits for it may claim and run it. Then its entry in the queue does nothing.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <stop_token>
#include <type_traits>
#include <utility>

#include "concurrent/futures/detail/memory/block_allocator.hpp"
#include "concurrent/futures/detail/scheduling/pool_link.hpp"
#include "concurrent/futures/detail/scheduling/worker_threads.hpp"
#include "concurrent/futures/detail/state/ended_thread.hpp"
#include "concurrent/futures/detail/state/left_in_parent.hpp"
#include "concurrent/futures/detail/state/outcome_state.hpp"
#include "concurrent/futures/detail/task/bound_call.hpp"
#include "concurrent/futures/detail/task/task.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Lives while a task runs that this module submitted. Makes the worker known in this module, if the worker belongs to
/// another one.
class WorkerOfModule {
  public:
    explicit WorkerOfModule(BlockingWorker* here) noexcept : enters_(here && !this_worker) {
        if (enters_) this_worker = here;
    }
    WorkerOfModule(const WorkerOfModule&) = delete;
    WorkerOfModule& operator=(const WorkerOfModule&) = delete;
    ~WorkerOfModule() {
        if (enters_) this_worker = nullptr;
    }

  private:
    const bool enters_;
};

/// A task without a future.
template <class Call>
class PostedTask final : public Task, public BlockAllocated {
  public:
    template <class... Args>
    explicit PostedTask(WorkerThreads& pool, Args&&... args)
        : link_(pool, false, Call::library_name), call_(std::forward<Args>(args)...) {}

    /// Null: the pool has no observer.
    WatchedCall* watch() const noexcept { return link_.watch(); }

    TaskEnd run() override {
        WorkerThreads& pool = link_.pool();
        Worker* const here = pool.current_worker();
        const WorkerOfModule scope(here);
        CallCounters& calls = pool.tables().calls_of(here);
        calls.begin();
        pool.note_taken();
        WatchedRun watched(link_.watch());
        const auto end = [&](const std::exception_ptr& error) {
            if (error) report_unhandled(pool.hook(), error, "a posted task");
            watched.finished(!error);
            calls.end(!error);
            delete this;
            return error ? TaskEnd::failed : TaskEnd::completed;
        };
        try {
            call_();
        } catch (ForcedUnwind&) {
            end(ended_thread_error());
            throw;
        } catch (...) {
            return end(std::current_exception());
        }
        return end(nullptr);
    }
    TaskEnd abandon(const std::exception_ptr& reason) noexcept override {
        WatchedCall* const watched = link_.watch();
        if (reason) {
            WorkerThreads& pool = link_.pool();
            pool.tables().calls_of(pool.current_worker()).failed_unstarted();
            pool.note_taken();
            report_unhandled(pool.hook(), reason, "a posted task");
        }
        if (watched) watched->cancelled();
        delete this;
        return reason ? TaskEnd::failed : TaskEnd::cancelled;
    }
    Task::Standing standing() const noexcept override { return Task::Standing::waiting; }

  private:
    /// Let go last, also if the call cannot be constructed.
    struct Link : PoolLink {
        using PoolLink::PoolLink;
        ~Link() { this->let_go(); }
    };

    Link link_;  // the pool is alive while it has tasks
    Call call_;
};

template <class T, class Call>
class ThreadCall final : public OutcomeState<T>, public BlockAllocated {
  public:
    template <class... Args>
    explicit ThreadCall(WorkerThreads& pool, Args&&... args)
        : link_(pool, pool.outlived_by_calls(), Call::library_name) {
        try {
            ::new (static_cast<void*>(std::addressof(call_))) Call(std::forward<Args>(args)...);
        } catch (...) {
            link_.let_go();
            throw;
        }
    }
    /// Null: the pool has no observer.
    WatchedCall* watch() const noexcept { return link_.watch(); }

    // The queue's side.
    TaskEnd run() override { return run_by(pool().current_worker()); }
    TaskEnd abandon(const std::exception_ptr& reason) noexcept override {
        TaskEnd end = TaskEnd::claimed;
        if (reason && this->begin()) {
            destroy_call();
            pool().tables().calls_of(pool().current_worker()).failed_unstarted();
            pool().note_taken();
            if (const WatchedCall* const watched = watch()) watched->cancelled();
            this->finish(this->store_exception(reason));
            end = TaskEnd::failed;
        } else if (!reason && this->begin_cancel()) {
            end_cancelled();
            end = TaskEnd::cancelled;
        } else {
            wait_for_cancel();
        }
        this->drop_producer();
        return end;
    }
    Task::Standing standing() const noexcept override {
        switch (this->state()) {
            case CallState::pending: return Task::Standing::waiting;
            case CallState::cancelling:
            case CallState::cancelled: return Task::Standing::cancelled;
            default: return Task::Standing::claimed;
        }
    }

    // The futures' side.
    bool cancel() noexcept override {
        WorkerThreads* crowded = nullptr;  // holds a reference
        Worker* here = nullptr;
        {
            // The pool is alive until this is unlocked, see wait_for_cancel().
            const std::lock_guard guard(*static_cast<SharedState*>(this));
            if (!this->begin_cancel()) return this->was_cancelled();
            here = pool().current_worker();
            pool().tables().calls_of(here).cancelled();
            WorkQueues& queues = pool().tables().queues;
            if (queues.note_spent() || queues.is_held()) (crowded = &pool())->retain();
        }
        end_cancelled();
        if (keeps_pool()) pool().note_taken();
        if (here && here->try_remove(*this)) this->drop_producer();
        if (crowded) {
            crowded->tables().queues.take_out_spent();
            crowded->tables().note_left_behind();
            crowded->release();
        }
        return true;
    }
    void request_stop() noexcept override {
        if (cancel()) return;
        if constexpr (Call::stoppable) {
            std::stop_source stop(std::nostopstate);
            {
                // Serialised with the end of the call, which destroys the stop source.
                const std::lock_guard guard(*static_cast<SharedState*>(this));
                if (!stop_guard_.over) stop = call_.stop_source();
            }
            stop.request_stop();  // runs the user's stop callbacks: without the lock
        }
    }
    /// See blocking.hpp.
    bool run_here(const RunHere&) override {
        Worker* const here = current_worker();
        if (!here || !here->has_stack()) return false;
        if (here->try_remove(*this)) {
            run_by(here);
            return true;
        }
        if (!this->begin()) return false;
        if (pool().tables().queues.note_spent()) pool().tables().queues.take_out_spent();
        execute(here, [this](CallState as) { this->finish(as); });  // the queue still holds it
        return true;
    }
    bool could_run_here() const noexcept override {
        const Worker* const here = current_worker();
        return here && here->has_stack();
    }
    bool may_end_soon() const noexcept override { return true; }
    std::exception_ptr left_in_parent() const override {
        return link_.pool_is_in_parent() ? task_left_in_parent<BrokenThreadPool>("ThreadPoolExecutor") : nullptr;
    }
    std::uint64_t observed_id() const noexcept override { return watch() ? watch()->id() : 0; }
    BlockingWorker* worker_here() const noexcept override { return this_worker ? this_worker : current_worker(); }
    void run_callback(Listener& callback, TaskQueue* later) override {
        // The library's own tasks have callbacks of the library only, which no observer is told about.
        if constexpr (*Call::library_name == '\0')
            if (const WatchedCall* const watched = watch())
                return watched->around_callback([&] { callback.notify(*this, later); });
        callback.notify(*this, later);
    }
    void report(const std::exception_ptr& error) noexcept override {
        report_unhandled(keeps_pool() ? pool().hook() : UnhandledExceptionHook(), error,
                         "a done callback");
    }

  private:
    /// After begin_cancel().
    void end_cancelled() noexcept {
        std::destroy_at(std::addressof(call_));
        if (const WatchedCall* const watched = watch()) watched->cancelled();
        this->finish(CallState::cancelled);
    }
    /// By the thread that has taken the entry of this call out of its queue and could not begin it: waits until cancel()
    /// is done with the pool, which may be destroyed when its queues are empty.
    void wait_for_cancel() noexcept { const std::lock_guard guard(*static_cast<SharedState*>(this)); }

    struct StopGuard {
        bool over = false;
    };
    struct NoStopGuard {};

    ~ThreadCall() override {
        if (!keeps_pool()) return;
        if (pool().options().report_unobserved && this->failed_unobserved())
            report_unhandled(pool().hook(), this->error(), "a task whose failure was never looked at");
        link_.let_go();
    }

    /// `here`: the worker of the pool that the calling thread is, or null.
    TaskEnd run_by(Worker* here) {
        if (this->begin()) {
            const CallState end = execute(here, [this](CallState as) { this->finish_and_drop_producer(as); });
            return end == CallState::finished ? TaskEnd::completed : TaskEnd::failed;
        }
        wait_for_cancel();
        this->drop_producer();
        return TaskEnd::claimed;
    }
    /// Runs the callable, stores the outcome and calls finish(end), also when the callable has ended its thread.
    template <class Finish>
    CallState execute(Worker* here, Finish finish) {
        CallState end = CallState::failed;
        try {
            end = run_and_store(here);
        } catch (ForcedUnwind&) {
            finish(CallState::failed);
            throw;
        }
        finish(end);
        return end;
    }
    CallState run_and_store(Worker* here) {
        const WorkerOfModule scope(here);
        CallCounters& calls = pool().tables().calls_of(here);
        calls.begin();
        pool().note_taken();
        WatchedRun watched(watch());
        const auto over = [&](CallState end) {
            watched.finished(end == CallState::finished);
            destroy_call();
            calls.end(end == CallState::finished);
            return end;
        };
        try {
            return over(this->store_result_of([this]() -> decltype(auto) { return call_(); }));
        } catch (ForcedUnwind&) {
            over(this->store_exception(ended_thread_error()));
            throw;
        }
    }

    /// By the thread that has begun the task. From here on request_stop() finds nothing to stop.
    void destroy_call() noexcept {
        if constexpr (Call::stoppable) {
            const std::lock_guard guard(*static_cast<SharedState*>(this));
            stop_guard_.over = true;
        }
        std::destroy_at(std::addressof(call_));
    }

    /// Alive while the task is queued or runs; if keeps_pool(), as long as this object.
    WorkerThreads& pool() const noexcept { return link_.pool(); }
    bool keeps_pool() const noexcept { return link_.keeps_pool(); }
    /// May be called after the task has ended and the pool is gone. Pools of other modules are kept, so they are there.
    Worker* current_worker() const noexcept {
        return keeps_pool() ? pool().current_worker() : WorkerHome::current_worker_of(&pool());
    }

    PoolLink link_;  // one word, so that a small task fills one cache line
    [[no_unique_address]] std::conditional_t<Call::stoppable, StopGuard, NoStopGuard> stop_guard_;
    union {
        Call call_;  // destroyed before the task ends
    };
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
