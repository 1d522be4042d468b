// SPDX-License-Identifier: MIT
//
// any_executor.hpp: an executor whose type is known only when the program runs, for members, virtual functions and
// code that is compiled once.
//
//     void render(cf::AnyExecutor pool, const std::vector<Scene>& scenes);    // in a source file of its own
//     render(threads, scenes);
//     render(inline_executor, scenes);
//
// It refers to the executor, as a reference does: copies refer to the same one, which must outlive them. It models
// Executor, so map() and the other generic functions work through it. The destructor does nothing.
// A task costs about two allocations more than a submit to the executor itself.
// Not for pools of processes or ranks: they must know the type of each function to send it to a worker. submit() refuses
// TaskOptions::timeout and retries.
// Threads: any.
#pragma once

#include "concurrent/futures/detail/platform/requirements.hpp"

#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>

#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/forced_unwind.hpp"
#include "concurrent/futures/detail/platform/option_duration.hpp"
#include "concurrent/futures/detail/state/ended_thread.hpp"
#include "concurrent/futures/detail/state/outcome_state.hpp"
#include "concurrent/futures/detail/task/bound_call.hpp"
#include "concurrent/futures/detail/task/submitter_access.hpp"
#include "concurrent/futures/executor.hpp"
#include "concurrent/futures/future.hpp"
#include "concurrent/futures/options.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {
namespace detail {

/// A task whose type the executor does not know.
class AnyTask {
  public:
    AnyTask() = default;
    AnyTask(const AnyTask&) = delete;
    AnyTask& operator=(const AnyTask&) = delete;
    virtual ~AnyTask() = default;
    virtual void run() = 0;
};

/// What the executor gets in its place.
struct AnyTaskRun {
    std::shared_ptr<AnyTask> task;
    void operator()() const { task->run(); }
};

template <class Call>
class AnyPostedTask final : public AnyTask {
  public:
    template <class... Parts>
    explicit AnyPostedTask(Parts&&... parts) : call_(std::forward<Parts>(parts)...) {}
    void run() override { static_cast<void>(call_()); }

  private:
    Call call_;
};

/// The state behind a future of an AnyExecutor. `inner` is the same task as the executor knows it.
template <class T>
class AnyState final : public OutcomeState<T> {
  public:
    /// Before the future is given to anybody.
    void follow(Future<void> inner) noexcept { inner_ = std::move(inner); }
    void set_stop_source(std::stop_source stop) noexcept { stop_ = std::move(stop); }

    bool cancel() noexcept override {
        if (!SharedState::cancel()) return false;
        if (inner_.valid()) inner_.cancel();
        return true;
    }
    void request_stop() override {
        if (!cancel()) stop_.request_stop();
    }
    bool run_here(const RunHere& way) override { return inner_.valid() && inner_state().run_here(way); }
    bool could_run_here() const noexcept override { return inner_.valid() && inner_state().could_run_here(); }
    bool may_end_soon() const noexcept override { return true; }

  private:
    SharedState& inner_state() const { return FutureAccess::state(inner_, "wait"); }

    Future<void> inner_;
    std::stop_source stop_{std::nostopstate};
};

template <class T, class Call>
class AnyCall final : public AnyTask {
  public:
    template <class... Parts>
    explicit AnyCall(Parts&&... parts) : call_(std::in_place, std::forward<Parts>(parts)...), state_(new AnyState<T>) {
        if constexpr (Call::stoppable) state_->set_stop_source(call_->stop_source());
    }
    ~AnyCall() override { give_up(nullptr); }

    /// Once, before it is submitted.
    Future<T> future() const noexcept { return FutureAccess::adopt<T>(state_); }

    /// Throws what the task threw, so that the executor counts the task as failed.
    void run() override {
        if (!state_->begin()) return give_up(nullptr);
        try {
            const CallState end = state_->store_result_of([this]() -> decltype(auto) { return (*call_)(); });
            const std::exception_ptr error = end == CallState::failed ? state_->error() : nullptr;
            finish(end);
            if (error) std::rethrow_exception(error);
        } catch (ForcedUnwind&) {
            if (state_) finish(state_->store_exception(ended_thread_error()));
            throw;
        }
    }
    /// The executor will not run it. `reason`: why, or null if it was cancelled. No effect after run().
    void give_up(const std::exception_ptr& reason) noexcept {
        if (!state_) return;
        if (reason && state_->begin()) return finish(state_->store_exception(reason));
        call_.reset();
        AnyState<T>* const state = std::exchange(state_, nullptr);
        state->SharedState::cancel();
        state->drop_producer();
    }

  private:
    void finish(CallState end) noexcept {
        call_.reset();
        std::exchange(state_, nullptr)->finish_and_drop_producer(end);
    }

    std::optional<Call> call_;
    AnyState<T>* state_;  // one producer reference, until the task has ended
};

/// An executor behind virtual functions.
class AnyPool {
  public:
    AnyPool() = default;
    AnyPool(const AnyPool&) = delete;
    AnyPool& operator=(const AnyPool&) = delete;
    virtual ~AnyPool() = default;
    virtual Future<void> submit(AnyTaskRun task) const = 0;  ///< also when the executor is gone
    virtual Future<void> submit_with(const TaskOptions& options, AnyTaskRun task) const = 0;
    virtual void post(AnyTaskRun task) const = 0;
    virtual void shutdown(const ShutdownOptions& options) const = 0;
    virtual void shutdown_for(std::chrono::nanoseconds timeout) const = 0;
    virtual void wait_idle() const = 0;
    virtual void wait_idle_for(std::chrono::nanoseconds timeout) const = 0;
    virtual void cancel_pending() const = 0;
    virtual void pause() const = 0;
    virtual void resume() const = 0;
    virtual void start_workers() const = 0;
    virtual bool is_broken() const = 0;
    virtual ExecutorStats stats() const = 0;
    virtual std::size_t max_workers() const = 0;
    virtual void* address_if(const void* type) const noexcept = 0;
};

template <class Pool>
inline constexpr char any_pool_type = 0;  // its address stands for the type; there may be no typeid

template <class Pool>
class AnyPoolOf final : public AnyPool {
  public:
    explicit AnyPoolOf(Pool& pool) : pool_(pool), submitter_(SubmitterAccess::of(pool)) {}
    Future<void> submit(AnyTaskRun task) const override { return submitter_.submit(std::move(task)); }
    Future<void> submit_with(const TaskOptions& options, AnyTaskRun task) const override {
        return pool_.submit(options, std::move(task));
    }
    void post(AnyTaskRun task) const override { pool_.post(std::move(task)); }
    void shutdown(const ShutdownOptions& options) const override { pool_.shutdown(options); }
    void shutdown_for(std::chrono::nanoseconds timeout) const override { pool_.shutdown_for(timeout); }
    void wait_idle() const override {
        if constexpr (requires { pool_.wait_idle(); })
            pool_.wait_idle();
        else
            throw without("wait_idle");
    }
    void wait_idle_for(std::chrono::nanoseconds timeout) const override {
        if constexpr (requires { pool_.wait_idle_for(timeout); })
            pool_.wait_idle_for(timeout);
        else
            throw without("wait_idle_for");
    }
    void cancel_pending() const override {
        if constexpr (requires { pool_.cancel_pending(); })
            pool_.cancel_pending();
        else
            throw without("cancel_pending");
    }
    void pause() const override {
        if constexpr (requires { pool_.pause(); })
            pool_.pause();
        else
            throw without("pause");
    }
    void resume() const override {
        if constexpr (requires { pool_.resume(); })
            pool_.resume();
        else
            throw without("resume");
    }
    void start_workers() const override {
        if constexpr (requires { pool_.start_workers(); })
            pool_.start_workers();
        else
            throw without("start_workers");
    }
    bool is_broken() const override {
        if constexpr (requires { static_cast<bool>(pool_.is_broken()); })
            return static_cast<bool>(pool_.is_broken());
        else
            throw without("is_broken");
    }
    ExecutorStats stats() const override { return pool_.stats(); }
    std::size_t max_workers() const override { return pool_.max_workers(); }
    void* address_if(const void* type) const noexcept override {
        return type == &any_pool_type<Pool> ? std::addressof(pool_) : nullptr;
    }

  private:
    static std::logic_error without(const char* member) {
        return std::logic_error(std::string("AnyExecutor: the executor has no ") + member +
                                "(); add it to the executor, or ask target<Pool>() first which executor it is");
    }

    Pool& pool_;
    const decltype(SubmitterAccess::of(std::declval<const Pool&>())) submitter_;
};

/// Outlives the AnyExecutor in maps that fetch their input lazily.
class AnySubmitter {
  public:
    explicit AnySubmitter(std::shared_ptr<const AnyPool> pool) noexcept : pool_(std::move(pool)) {}

    template <class Callable, class... Args>
    auto submit(Callable&& callable, Args&&... args) const {
        return submit_by([this](AnyTaskRun task) { return pool_->submit(std::move(task)); },
                         std::forward<Callable>(callable), std::forward<Args>(args)...);
    }
    /// `hand_over(AnyTaskRun)` gives the executor's own future.
    template <class HandOver, class Callable, class... Args>
    static auto submit_by(HandOver hand_over, Callable&& callable, Args&&... args) {
        using T = CallResult<Callable, Args...>;
        const auto call = std::make_shared<AnyCall<T, BoundCallFor<Callable, Args...>>>(
            std::forward<Callable>(callable), std::forward<Args>(args)...);
        Future<T> future = call->future();
        Future<void> inner = hand_over(AnyTaskRun{call});
        static_cast<AnyState<T>&>(FutureAccess::state(future, "submit")).follow(inner);
        try {
            inner.add_done_callback([call](const Future<void>& done) {
                call->give_up(done.cancelled() ? nullptr : done.exception());
            });
        } catch (...) {
            inner.cancel();
            throw;
        }
        return future;
    }
    const AnyPool& pool() const noexcept { return *pool_; }

  private:
    std::shared_ptr<const AnyPool> pool_;
};

}  // namespace detail

class AnyExecutor : public MapOperations<AnyExecutor> {
  public:
    /// Refers to `pool`: a ThreadPoolExecutor, an InlineExecutor, or an executor of yours.
    template <class Pool>
        requires(!std::is_same_v<std::remove_cv_t<Pool>, AnyExecutor>)
    AnyExecutor(Pool& pool) : submitter_(make(pool)) {}

    /// As the executor's own submit(), with the same errors. The task may take a std::stop_token.
    template <NotOptions<TaskOptions> Callable, class... Args>
    auto submit(Callable&& callable, Args&&... args) {
        detail::check_copied_call<Callable, Args...>();
        return submitter_.submit(std::forward<Callable>(callable), std::forward<Args>(args)...);
    }
    /// With a name and a priority. Throws std::invalid_argument for timeout and retries.
    template <class Callable, class... Args>
    auto submit(const TaskOptions& options, Callable&& callable, Args&&... args) {
        detail::check_copied_call<Callable, Args...>();
        if (options.timeout || options.retries != 0)
            throw std::invalid_argument("AnyExecutor: TaskOptions::timeout and retries are not supported; submit to "
                                        "the executor itself, which target<ThreadPoolExecutor>() gives");
        return detail::AnySubmitter::submit_by(
            [&](detail::AnyTaskRun task) { return pool().submit_with(options, std::move(task)); },
            std::forward<Callable>(callable), std::forward<Args>(args)...);
    }
    /// Like submit, but without a future. What the task throws goes to the executor's unhandled-exception hook.
    template <class Callable, class... Args>
    void post(Callable&& callable, Args&&... args) {
        detail::check_copied_call<Callable, Args...>();
        pool().post(detail::AnyTaskRun{std::make_shared<detail::AnyPostedTask<detail::BoundCallFor<Callable, Args...>>>(
            std::forward<Callable>(callable), std::forward<Args>(args)...)});
    }

    /// Shuts the executor down, for everybody who uses it.
    void shutdown(const ShutdownOptions& options = {}) { pool().shutdown(options); }
    template <class Rep, class Period>
    void shutdown_for(std::chrono::duration<Rep, Period> timeout) {
        pool().shutdown_for(
            detail::rounded_up<std::chrono::nanoseconds>(timeout, "the timeout of AnyExecutor::shutdown_for"));
    }
    /// As the executor's own. An executor of yours may lack these three: then they throw std::logic_error.
    void wait_idle() { pool().wait_idle(); }
    template <class Rep, class Period>
    void wait_idle_for(std::chrono::duration<Rep, Period> timeout) {
        pool().wait_idle_for(
            detail::rounded_up<std::chrono::nanoseconds>(timeout, "the timeout of AnyExecutor::wait_idle_for"));
    }
    void cancel_pending() { pool().cancel_pending(); }
    /// As the executor's own. InlineExecutor has none of these four, an executor of yours may lack some: then they throw
    /// std::logic_error.
    void pause() { pool().pause(); }
    void resume() { pool().resume(); }
    void start_workers() { pool().start_workers(); }
    bool is_broken() const { return pool().is_broken(); }
    /// Of the executor.
    ExecutorStats stats() const { return pool().stats(); }
    std::size_t max_workers() const { return pool().max_workers(); }

    /// The executor, if it is a `Pool`; otherwise null.
    template <class Pool>
    Pool* target() const noexcept {
        return static_cast<Pool*>(pool().address_if(&detail::any_pool_type<Pool>));
    }

  private:
    friend MapOperations<AnyExecutor>;
    friend detail::SubmitterAccess;

    template <class Pool>
    static std::shared_ptr<const detail::AnyPool> make(Pool& pool) {
        static_assert(!detail::leaves_the_process<std::remove_cvref_t<decltype(detail::SubmitterAccess::of(pool))>>,
                      "AnyExecutor: a pool of processes must know the type of each function, so its type cannot be "
                      "erased; write a template that takes cf::Executor auto& instead");
        return std::make_shared<detail::AnyPoolOf<Pool>>(pool);
    }
    const detail::AnyPool& pool() const noexcept { return submitter_.pool(); }
    const detail::AnySubmitter& submitter() const noexcept { return submitter_; }

    detail::AnySubmitter submitter_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
