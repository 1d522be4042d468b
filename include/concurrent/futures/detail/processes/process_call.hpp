// SPDX-License-Identifier: MIT
//
// process_call.hpp: one task of a process pool: the state its futures share, and the bytes that
// go to a worker, in one block of memory unless they are many.
//
// While the task waits or runs elsewhere its state is pending. Whether it has started, the engine reads in the
// control page. So cancel() of a task that is sent but not started is exact.
#pragma once

#include <exception>
#include <memory>
#include <string>
#include <utility>

#include "concurrent/futures/detail/processes/process_engine.hpp"
#include "concurrent/futures/detail/state/left_in_parent.hpp"
#include "concurrent/futures/detail/state/outcome_state.hpp"
#include "concurrent/futures/detail/wire/block_with_bytes.hpp"
#include "concurrent/futures/detail/wire/remote_task.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Runs `callback` of `state`, which is that of `task`, and tells the pool's observer.
CONCURRENT_FUTURES_DECL void run_watched(const PoolWatch& watch, const RemoteTask& task, SharedState& state,
                                         Listener& callback, TaskQueue* later);

template <class T>
class ProcessCall final : public OutcomeState<T>, public RemoteTask {
  public:
    /// By BlockWithBytes only.
    ProcessCall(ByteBuffer&& call, std::shared_ptr<ProcessEngine> engine,
                std::unique_ptr<const std::string> name) noexcept
        : RemoteTask(std::move(call), std::move(name)), engine_(std::move(engine)) {}
    static void operator delete(void* place) noexcept { BlockWithBytes<ProcessCall>::free(place); }

    // The engine's side.
    void succeed(Decoder& result) noexcept override {
        if (this->claim()) this->finish(store(result));
    }
    bool try_succeed_untold(Decoder& result) noexcept override {
        if (!this->claim()) return true;
        stored_ = store(result);
        return this->try_finish_untold(stored_);
    }
    void finish_stored() noexcept override { this->finish(stored_); }
    void fail(std::exception_ptr error) noexcept override {
        if (this->claim()) this->finish(this->store_exception(std::move(error)));
    }
    void end_cancelled() noexcept override {
        if (this->begin_cancel()) this->finish(CallState::cancelled);
    }
    bool reads_result_once() const noexcept override { return BitwiseContainer<T>; }
    void retain() noexcept override { this->add_producer(); }
    void release() noexcept override { this->drop_producer(); }

    // The futures' side.
    bool running() const noexcept override {
        return this->state() == CallState::completing ||
               (!this->done() && engine_->is_running(*this));
    }
    bool cancel() noexcept override {
        if (!this->done() && engine_->revoke(*this)) {
            end_cancelled();
            return true;
        }
        // Another thread may have revoked it and be about to say so.
        return this->state() == CallState::cancelled || engine_->is_revoked(*this);
    }
    void request_stop() noexcept override {
        while (!cancel() && !this->done())
            if (engine_->request_stop(*this)) return;
    }
    std::exception_ptr left_in_parent() const override {
        return engine_->in_forked_child() ? task_left_in_parent<BrokenProcessPool>("ProcessPoolExecutor") : nullptr;
    }
    std::uint64_t observed_id() const noexcept override { return this->shown.id; }
    bool look_again() noexcept override {
        return engine_->look_for_end(*this, *this);
    }
    /// In a callback, which runs on the manager thread: no other thread does its work, so this one goes on with it.
    bool run_here(const RunHere& way) noexcept override {
        if (!engine_->on_manager_thread()) return false;
        engine_->work_until_done(*this, way.deadline);
        return true;
    }
    void run_callback(Listener& callback, TaskQueue* later) noexcept override {
        run_watched(engine_->watch(), *this, *this, callback, later);
    }
    void report(const std::exception_ptr& error) noexcept override {
        report_unhandled(engine_->settings().hook, error, "a done callback");
    }

  private:
    CallState store(Decoder& result) noexcept {
        const CallState end = this->store_result_of([&]() -> T { return decoded(result); });
        if (end == CallState::failed) engine_->count_unreadable_result();
        return end;
    }

    /// Made where it stays: it may be too large for the stack.
    static T decoded(Decoder& result) requires(!std::is_void_v<T>) {
        T value = result.decode<T>();
        result.expect_end();
        return value;
    }
    static void decoded(Decoder& result) requires std::is_void_v<T> { result.expect_end(); }

    ~ProcessCall() override {
        if (engine_->settings().report_unobserved && this->failed_unobserved())
            report_unhandled(engine_->settings().hook, this->error(), "a task whose failure was never looked at");
    }

    const std::shared_ptr<ProcessEngine> engine_;
    CallState stored_{};
};

/// Without a future.
class PostedProcessCall final : public RemoteTask {
  public:
    /// By BlockWithBytes only.
    PostedProcessCall(ByteBuffer&& call, std::shared_ptr<ProcessEngine> engine) noexcept
        : RemoteTask(std::move(call)), engine_(std::move(engine)) {}
    static void operator delete(void* place) noexcept { BlockWithBytes<PostedProcessCall>::free(place); }

    void succeed(Decoder&) noexcept override {}
    bool try_succeed_untold(Decoder&) noexcept override { return true; }
    void finish_stored() noexcept override {}
    void fail(std::exception_ptr error) noexcept override {
        report_unhandled(engine_->settings().hook, error, "a posted task");
    }
    void end_cancelled() noexcept override {}
    void retain() noexcept override {
        // relaxed: the caller holds a reference.
        references_.fetch_add(1, std::memory_order_relaxed);
    }
    void release() noexcept override {
        // acq_rel, pairs with itself: the last one sees what all others did.
        if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
    }

  private:
    ~PostedProcessCall() override = default;

    // Never too many to count: the owner's, one of a thread that cancels all, and one for each entry in the table or the
    // output of a worker that has had it.
    Atomic<unsigned> references_{1};
    const std::shared_ptr<ProcessEngine> engine_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail

#if CONCURRENT_FUTURES_HEADER_ONLY
#include "concurrent/futures/impl/process_call.hpp"
#endif
