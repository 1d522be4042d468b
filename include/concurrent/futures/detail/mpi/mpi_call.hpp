// SPDX-License-Identifier: MIT
//
// mpi_call.hpp: one task of an MPI pool: the state that its futures share, and the bytes that go to a rank, in one
// block of memory unless they are many. The counterpart of detail/processes/process_call.hpp.
#pragma once

#include <exception>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "concurrent/futures/detail/mpi/mpi_hub.hpp"
#include "concurrent/futures/detail/state/left_in_parent.hpp"
#include "concurrent/futures/detail/state/outcome_state.hpp"
#include "concurrent/futures/detail/wire/block_with_bytes.hpp"
#include "concurrent/futures/detail/wire/remote_call.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

template <class Call>
inline constexpr bool remote_call_takes_stop_token = false;
template <class Callable, class... W>
inline constexpr bool remote_call_takes_stop_token<RemoteCall<Callable, ParameterList<W...>>> =
    takes_stop_token<Callable, W...>;

/// Decoding runs no code of the user.
template <class T>
inline constexpr bool is_plain_result = std::is_void_v<T> || Bitwise<T> || BitwiseContainer<T>;
/// What a task of a map brings back. Only codecs of exceptions may be the user's.
template <class T>
inline constexpr bool is_plain_result<std::vector<std::variant<T, std::exception_ptr>>> = is_plain_result<T>;

template <class T>
class MpiCall final : public OutcomeState<T>, public MpiTask {
  public:
    /// By BlockWithBytes only.
    MpiCall(ByteBuffer call, std::shared_ptr<MpiPool> pool, std::unique_ptr<const std::string> name) noexcept
        : MpiTask(std::move(call), std::move(name)), pool_(std::move(pool)) {
        has_plain_result = is_plain_result<T>;
    }
    static void operator delete(void* place) noexcept { BlockWithBytes<MpiCall>::free(place); }

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
        return this->state() == CallState::completing || (!this->done() && hub().is_running(*this));
    }
    bool cancel() noexcept override {
        if (!this->done() && hub().revoke(*pool_, *this)) {
            end_cancelled();
            return true;
        }
        // Another thread may have revoked it and be about to say so.
        return this->state() == CallState::cancelled || hub().is_revoked(*this);
    }
    void request_stop() override {
        while (!cancel() && !this->done())
            if (hub().request_stop(*this)) return;
    }
    std::exception_ptr left_in_parent() const override {
        return hub().in_forked_child() ? task_left_in_parent<BrokenProcessPool>("MPIPoolExecutor") : nullptr;
    }
    std::uint64_t observed_id() const noexcept override { return this->shown.id; }
    bool look_again() noexcept override {
        return hub().look_for_end(*this, [this] { return this->done(); });
    }
    /// In a callback, which runs on the engine thread: no other thread would go on with the work.
    bool run_here(const RunHere& way) noexcept override {
        if (!hub().on_engine_thread()) return false;
        hub().work_until([this] { return this->done(); }, way.deadline);
        return true;
    }
    void report(const std::exception_ptr& error) noexcept override {
        report_unhandled(pool_->settings().hook, error, "a done callback");
    }

  private:
    MpiHub& hub() const noexcept { return pool_->hub(); }
    CallState store(Decoder& result) noexcept {
        const CallState end = this->store_result_of([&]() -> T {
            if constexpr (std::is_void_v<T>) {
                result.expect_end();
            } else {
                T value = result.template decode<T>();
                result.expect_end();
                return value;
            }
        });
        if (end == CallState::failed) hub().count_unreadable_result(*pool_);
        return end;
    }

    ~MpiCall() override {
        if (pool_->settings().report_unobserved && this->failed_unobserved())
            report_unhandled(pool_->settings().hook, this->error(), "a task whose failure was never looked at");
    }

    const std::shared_ptr<MpiPool> pool_;
    CallState stored_{};
};

/// Without a future.
class PostedMpiCall final : public MpiTask {
  public:
    /// By BlockWithBytes only.
    PostedMpiCall(ByteBuffer call, std::shared_ptr<MpiPool> pool) noexcept
        : MpiTask(std::move(call)), pool_(std::move(pool)) {}
    static void operator delete(void* place) noexcept { BlockWithBytes<PostedMpiCall>::free(place); }

    void succeed(Decoder&) noexcept override {}
    bool try_succeed_untold(Decoder&) noexcept override { return true; }
    void finish_stored() noexcept override {}
    void fail(std::exception_ptr error) noexcept override {
        report_unhandled(pool_->settings().hook, error, "a posted task");
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
    ~PostedMpiCall() override = default;

    // Never too many to count: the owner's, and one of a thread that cancels all.
    Atomic<unsigned> references_{1};
    const std::shared_ptr<MpiPool> pool_;
};

/// Memory that processes of one machine share is of no use on another one. A broadcast is: its bytes are sent.
inline void require_sendable(const ByteBuffer& call) {
    for (const auto& region : call.regions.all())
        if (region->name().is_constant == 0)
            throw std::invalid_argument(
                "MPIPoolExecutor: a SharedArray is memory of one machine, which MPI does not share between hosts: "
                "pass a std::vector, or cf::broadcast(vector) if many tasks read it");
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
