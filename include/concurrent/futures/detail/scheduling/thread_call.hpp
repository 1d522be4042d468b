// SPDX-License-Identifier: MIT
//
// thread_call.hpp: one submitted call of a thread pool: state, outcome, callable and arguments in one
// allocation, linked into the pool's queue.
//
// The queue keeps a producer reference until it runs or abandons the task. Meanwhile the call may be
// cancelled, or claimed by a worker that waits for it; the entry left in the queue then does nothing.
#pragma once

#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <stop_token>
#include <type_traits>
#include <utility>

#include "concurrent/futures/detail/scheduling/worker_threads.hpp"
#include "concurrent/futures/detail/state/outcome_state.hpp"
#include "concurrent/futures/detail/task/bound_call.hpp"
#include "concurrent/futures/detail/task/task.hpp"

namespace concurrent::futures::inline v1::detail {

/// Without a future.
template <class Call>
class PostedTask final : public Task {
  public:
    template <class... Args>
    explicit PostedTask(WorkerThreads& pool, Args&&... args)
        : pool_(pool), call_(std::forward<Args>(args)...) {}

    TaskEnd run() noexcept override {
        pool_.calls().begin();
        TaskEnd end = TaskEnd::completed;
        try {
            call_();
        } catch (...) {
            report_unhandled(pool_.hook(), std::current_exception(), "a posted call");
            end = TaskEnd::failed;
        }
        pool_.calls().end(end == TaskEnd::completed);
        delete this;
        return end;
    }
    TaskEnd abandon(const std::exception_ptr& reason) noexcept override {
        if (reason) {
            pool_.calls().failed_unstarted();
            report_unhandled(pool_.hook(), reason, "a posted call");
        }
        delete this;
        return reason ? TaskEnd::failed : TaskEnd::cancelled;
    }
    Standing standing() const noexcept override { return Standing::waiting; }

  private:
    WorkerThreads& pool_;  // alive while it has tasks
    Call call_;
};

template <class T, class Call>
class ThreadCall final : public OutcomeState<T>, public Task {
  public:
    template <class... Args>
    explicit ThreadCall(WorkerThreads& pool, Args&&... args)
        : pool_(&pool), keeps_pool_(pool.hook() || pool.reports_unobserved()) {
        ::new (static_cast<void*>(std::addressof(call_))) Call(std::forward<Args>(args)...);
        if (keeps_pool_) pool.retain();
    }

    // The queue's side.
    TaskEnd run() noexcept override {
        const TaskEnd end = this->begin() ? execute()
                            : was_cancelled() ? TaskEnd::cancelled
                                              : TaskEnd::claimed;
        this->drop_producer();
        return end;
    }
    TaskEnd abandon(const std::exception_ptr& reason) noexcept override {
        TaskEnd end = TaskEnd::claimed;
        if (reason && this->begin()) {
            std::destroy_at(std::addressof(call_));
            pool_->calls().failed_unstarted();
            this->finish(this->store_exception(reason));
            end = TaskEnd::failed;
        } else if (reason ? was_cancelled() : cancel()) {
            end = TaskEnd::cancelled;
        }
        this->drop_producer();
        return end;
    }
    Standing standing() const noexcept override {
        switch (this->state()) {
            case CallState::pending: return Standing::waiting;
            case CallState::cancelling:
            case CallState::cancelled: return Standing::cancelled;
            default: return Standing::claimed;
        }
    }

    // The futures' side.
    bool cancel() noexcept override {
        if (!this->begin_cancel()) return was_cancelled();
        std::destroy_at(std::addressof(call_));
        this->finish(CallState::cancelled);
        return true;
    }
    void request_stop() noexcept override {
        if (cancel()) return;
        if constexpr (Call::stoppable) {
            std::stop_source stop(std::nostopstate);
            {
                // Serialised with the end of the call, which destroys the stop source.
                const std::lock_guard lock(listener_mutex(&stop_guard_));
                if (!stop_guard_.over) stop = call_.stop_source();
            }
            stop.request_stop();  // runs the user's stop callbacks: without the lock
        }
    }
    /// A worker of the same pool that is about to wait runs the call itself: nobody else may be left
    /// to do it. Only this call, never an unrelated one.
    bool help() noexcept override {
        if (WorkerThreads::current() != pool_ || !this->begin()) return false;
        execute();
        return true;
    }
    void worker_blocks(bool begins) noexcept override {
        if (WorkerThreads::current() == pool_) pool_->worker_blocks(begins);
    }
    void report(const std::exception_ptr& error) noexcept override {
        report_unhandled(keeps_pool_ ? pool_->hook() : UnhandledExceptionHook(), error,
                         "a done callback");
    }

  private:
    bool was_cancelled() const noexcept {
        const CallState now = this->state();
        return now == CallState::cancelled || now == CallState::cancelling;
    }

    struct StopGuard {
        bool over = false;
    };
    struct NoStopGuard {};

    ~ThreadCall() override {
        if (!keeps_pool_) return;
        if (pool_->reports_unobserved() && this->failed_unobserved())
            report_unhandled(pool_->hook(), this->error(), "a call whose failure nobody looked at");
        pool_->release();
    }

    TaskEnd execute() noexcept {
        pool_->calls().begin();
        const CallState end = this->store_result_of([this]() -> decltype(auto) { return call_(); });
        if constexpr (Call::stoppable) {
            const std::lock_guard lock(listener_mutex(&stop_guard_));
            stop_guard_.over = true;
        }
        std::destroy_at(std::addressof(call_));
        pool_->calls().end(end == CallState::finished);
        this->finish(end);
        return end == CallState::finished ? TaskEnd::completed : TaskEnd::failed;
    }

    WorkerThreads* const pool_;  // alive while the call is pending, and as long as this if kept
    const bool keeps_pool_;
    [[no_unique_address]] std::conditional_t<Call::stoppable, StopGuard, NoStopGuard> stop_guard_;
    union {
        Call call_;  // destroyed before the call ends
    };
};

}  // namespace concurrent::futures::inline v1::detail
