// SPDX-License-Identifier: MIT
//
// inline_executor.hpp: runs each task inside submit(), for tests and debugging.
//
//     cf::InlineExecutor pool;                 // in place of a pool: one thread, one stack
//     pool.submit(parse, text).result();       // a breakpoint in parse() has the caller above it
//
// Same interface and same rules as the pools: arguments are copied, exceptions go to the future,
// submit throws after shutdown. Futures are done when submit returns. Threads: any.
#pragma once

#include "concurrent/futures/detail/platform/requirements.hpp"

#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>

#include "concurrent/futures/detail/memory/roomy_value.hpp"
#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/state/ended_thread.hpp"
#include "concurrent/futures/detail/state/unhandled.hpp"
#include "concurrent/futures/detail/task/bound_call.hpp"
#include "concurrent/futures/detail/task/submitter_access.hpp"
#include "concurrent/futures/errors.hpp"
#include "concurrent/futures/executor.hpp"
#include "concurrent/futures/promise.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {
namespace detail {

class InlineSubmitter {
  public:
    template <class Callable, class... Args>
    auto submit(Callable&& callable, Args&&... args) const {
        using T = CallResult<Callable, Args...>;
        RoomyValue<BoundCallFor<Callable, Args...>> call(std::in_place, std::forward<Callable>(callable),
                                                         std::forward<Args>(args)...);
        auto state = std::make_unique<InlineState<T>>();
        begin();  // the last that can throw
        return run(*state.release(), *call);
    }
    template <class Callable, class... Args>
    void post(Callable&& callable, Args&&... args) const {
        const auto future = submit(std::forward<Callable>(callable), std::forward<Args>(args)...);
        if (const std::exception_ptr error = future.exception())
            report_unhandled(error, "a posted task");
    }

    void close() const {
        const std::lock_guard lock(counts_->mutex);
        counts_->closed = true;
    }
    ExecutorStats stats() const {
        const std::lock_guard lock(counts_->mutex);
        return {1, counts_->running == 0, 0, counts_->running, counts_->completed, counts_->failed, 0, 0};
    }

  private:
    template <class T>
    struct InlineState final : OutcomeState<T> {};

    template <class T, class Call>
    Future<T> run(InlineState<T>& state, Call& call) const {
        Future<T> future = FutureAccess::adopt<T>(&state);
        state.begin();
        const auto finish = [&](CallState end) {
            ended(end == CallState::finished);
            state.finish_and_drop_producer(end);
        };
        try {
            finish(state.store_result_of([&]() -> decltype(auto) { return call(); }));
        } catch (ForcedUnwind&) {
            if (!state.done()) finish(state.store_exception(ended_thread_error()));
            throw;
        }
        return future;
    }

    struct Counts {
        std::mutex mutex;
        bool closed = false;  // all guarded by mutex
        std::size_t running = 0, completed = 0, failed = 0;
    };
    void begin() const {
        const std::lock_guard lock(counts_->mutex);
        if (counts_->closed)
            throw ShutdownError("InlineExecutor: cannot schedule new tasks after shutdown");
        ++counts_->running;
    }
    void ended(bool well) const {
        const std::lock_guard lock(counts_->mutex);
        --counts_->running;
        ++(well ? counts_->completed : counts_->failed);
    }

    std::shared_ptr<Counts> counts_ = std::make_shared<Counts>();
};

}  // namespace detail

/// An executor whose submit() runs the task before it returns.
class InlineExecutor : public MapOperations<InlineExecutor> {
  public:
    /// Starts no thread.
    InlineExecutor() = default;
    InlineExecutor(const InlineExecutor&) = delete;
    InlineExecutor& operator=(const InlineExecutor&) = delete;
    /// Nothing is left to wait for.
    ~InlineExecutor() { shutdown(); }

    /// Runs the task now. Throws ShutdownError, or what copying the arguments throws.
    template <NotOptions<TaskOptions> Callable, class... Args>
    auto submit(Callable&& callable, Args&&... args) {
        detail::check_copied_call<Callable, Args...>();
        return submitter_.submit(std::forward<Callable>(callable), std::forward<Args>(args)...);
    }
    /// Name and priority change nothing here; throws std::invalid_argument for timeout and retries.
    template <class Callable, class... Args>
    auto submit(const TaskOptions& options, Callable&& callable, Args&&... args) {
        if (options.timeout || options.retries != 0)
            throw std::invalid_argument("InlineExecutor: TaskOptions::timeout and retries are not "
                                        "supported; use a ProcessPoolExecutor");
        return submit(std::forward<Callable>(callable), std::forward<Args>(args)...);
    }
    /// Runs the task now, without a future. What it throws goes to stderr.
    template <class Callable, class... Args>
    void post(Callable&& callable, Args&&... args) {
        detail::check_copied_call<Callable, Args...>();
        submitter_.post(std::forward<Callable>(callable), std::forward<Args>(args)...);
    }

    /// From now on submit throws ShutdownError. There is never anything to wait for or to cancel.
    void shutdown(const ShutdownOptions& = {}) { submitter_.close(); }
    template <class Rep, class Period>
    void shutdown_for(std::chrono::duration<Rep, Period> timeout) {
        static_cast<void>(detail::Deadline::after(timeout, "the timeout of InlineExecutor::shutdown_for"));
        shutdown();
    }
    /// Returns at once: a task has ended when submit() returns.
    void wait_idle() {}
    template <class Rep, class Period>
    void wait_idle_for(std::chrono::duration<Rep, Period> timeout) {
        static_cast<void>(detail::Deadline::after(timeout, "the timeout of InlineExecutor::wait_idle_for"));
    }
    /// There is never anything to cancel.
    void cancel_pending() {}
    /// One worker: whichever thread submits. `pending` and `cancelled` are always 0.
    ExecutorStats stats() const { return submitter_.stats(); }
    /// 1.
    std::size_t max_workers() const noexcept { return 1; }

  private:
    friend MapOperations<InlineExecutor>;
    friend detail::SubmitterAccess;

    const detail::InlineSubmitter& submitter() const noexcept { return submitter_; }

    const detail::InlineSubmitter submitter_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
