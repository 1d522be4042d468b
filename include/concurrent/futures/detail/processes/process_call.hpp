// SPDX-License-Identifier: MIT
//
// process_call.hpp: one submitted call of a process pool: the state its futures share, and the bytes that
// go to a worker, in one object.
//
// While the call waits or runs elsewhere its state is pending; whether it has started is asked of the
// manager, which looks at the control page. So cancel() of a call that is sent but not started is exact.
#pragma once

#include <exception>
#include <memory>
#include <utility>

#include "concurrent/futures/detail/processes/process_manager.hpp"
#include "concurrent/futures/detail/processes/remote_task.hpp"
#include "concurrent/futures/detail/state/outcome_state.hpp"

namespace concurrent::futures::inline v1::detail {

template <class T>
class ProcessCall final : public OutcomeState<T>, public RemoteTask {
  public:
    ProcessCall(std::shared_ptr<ProcessManager> manager, ByteBuffer call, std::string name) noexcept
        : RemoteTask(std::move(call), std::move(name)), manager_(std::move(manager)) {}

    // The manager's side.
    void succeed(Decoder& result) noexcept override {
        if (!this->claim()) return;
        const CallState end = this->store_result_of([&]() -> T {
            if constexpr (std::is_void_v<T>) {
                result.expect_end();
            } else {
                T value = result.template decode<T>();
                result.expect_end();
                return value;
            }
        });
        if (end == CallState::failed) manager_->count_unreadable_result();
        this->finish(end);
    }
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
               (!this->done() && manager_->is_running(*this));
    }
    bool cancel() noexcept override {
        if (!this->done() && manager_->revoke(*this)) {
            end_cancelled();
            return true;
        }
        // Another thread may have revoked it and be about to say so.
        return this->state() == CallState::cancelled || manager_->is_revoked(*this);
    }
    void request_stop() noexcept override {
        while (!cancel() && !this->done())
            if (manager_->request_stop(*this)) return;
    }
    /// In a callback, which runs on the pool's own thread: nobody else would go on with the work.
    bool help() noexcept override {
        if (!manager_->on_manager_thread()) return false;
        manager_->work_until([this] { return this->done(); });
        return true;
    }
    void report(const std::exception_ptr& error) noexcept override {
        report_unhandled(manager_->hook(), error, "a done callback");
    }

  private:
    ~ProcessCall() override {
        if (manager_->reports_unobserved() && this->failed_unobserved())
            report_unhandled(manager_->hook(), this->error(), "a call whose failure nobody looked at");
    }

    const std::shared_ptr<ProcessManager> manager_;
};

/// Without a future.
class PostedProcessCall final : public RemoteTask {
  public:
    PostedProcessCall(std::shared_ptr<ProcessManager> manager, ByteBuffer call) noexcept
        : RemoteTask(std::move(call), {}), manager_(std::move(manager)) {}

    void succeed(Decoder&) noexcept override {}
    void fail(std::exception_ptr error) noexcept override {
        report_unhandled(manager_->hook(), error, "a posted call");
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

    Atomic<unsigned> references_{1};
    const std::shared_ptr<ProcessManager> manager_;
};

}  // namespace concurrent::futures::inline v1::detail
