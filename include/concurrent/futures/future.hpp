// SPDX-License-Identifier: MIT
//
// future.hpp: a handle to the result of a task.
//
//     cf::Future<int> answer = pool.submit([] { return 6 * 7; });
//     answer.result();             // waits, then 42; rethrows what the task threw
//     answer.result(100ms);        // TimeoutError if it takes longer; the task goes on
//     answer.add_done_callback([](cf::Future<int> f) { … });
//     answer.cancel();             // true if the task had not started
//
// States: pending → running → finished or failed; or pending → cancelled (detail/state/call_state.hpp).
// Threads: copies may be used from different threads at once; one object from one thread at a time.
// Memory:  everything the task did happens before done() gives true, before result(), exception() and wait()
//          return, and before callbacks run. The callable, its arguments and captures are destroyed before that.
//          A future keeps the memory block of its task, and each page of 16 KiB lives as long as any block on it. A
//          program that keeps one future of 200 holds 12 KiB for each: keep the value instead.
// Waiting inside a task of a thread pool never deadlocks the pool, whatever it waits for: tasks of this or another
// pool, tasks in processes, a Promise. A wait without a limit for a task of the same pool that has not started runs
// that task on the waiting thread, and nothing else. In all other waits another thread works in place of the waiting
// one (thread_pool_executor.hpp). The rule is in detail/state/blocking.hpp. In a forked child: BrokenExecutor, errors.hpp.
#pragma once

#include "concurrent/futures/detail/platform/requirements.hpp"

#include <concepts>
#include <cstddef>
#include <exception>
#include <future>
#include <iosfwd>
#include <memory>
#include <type_traits>
#include <utility>

#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/state/continuation.hpp"
#include "concurrent/futures/detail/state/outcome_state.hpp"
#include "concurrent/futures/detail/state/unhandled.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

template <class T>
class Future;

namespace detail {
struct FutureAccess;

template <class R>
struct ThenResult {
    using type = R;
    using Inner = void;
};
template <class R>
struct ThenResult<Future<R>> {
    using type = R;
    struct Inner {
        static OutcomeState<R>* release(Future<R> future);
    };
};

/// A future of a future's value as a future of the value.
template <class T>
auto unwrapped(Future<T> future) {
    if constexpr (std::is_void_v<typename ThenResult<T>::Inner>)
        return future;
    else
        return std::move(future).then([](T inner) { return inner; });
}

/// What then(executor, function) does with the value.
template <class Executor, class Function>
struct SubmitWithValue {
    template <class... Value>
        requires(std::is_constructible_v<std::decay_t<Value>, Value> && ...)
    auto operator()(Value&&... value) && {
        return unwrapped(executor.submit(std::move(function), std::forward<Value>(value)...));
    }
    Executor& executor;
    Function function;
};

[[noreturn]] inline void throw_empty_future(const char* operation) {
    throw InvalidStateError(std::string("Future::") + operation +
                            ": this future is empty (default-constructed, moved from, or its result "
                            "was taken); use one that an executor or a Promise gave you");
}
}  // namespace detail

/// A cheap, copyable handle to the outcome of one task. T: any object type, a reference, or void.
template <class T>
class Future {
    using State = detail::OutcomeState<T>;
    using Reference = std::conditional_t<std::is_reference_v<T>, T,
                                         std::add_lvalue_reference_t<std::add_const_t<T>>>;

  public:
    using value_type = T;

    /// An empty future: valid() is false, and every other member except comparison throws InvalidStateError.
    Future() noexcept = default;
    /// One more handle to the same task; a move leaves `other` empty.
    Future(const Future& other) noexcept : state_(other.state_) {
        if (state_) state_->add_handle();
    }
    Future(Future&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
    Future& operator=(Future other) noexcept {
        std::swap(state_, other.state_);
        return *this;
    }
    /// The task goes on. With the last handle its value is destroyed.
    ~Future() {
        if (state_) state_->drop_handle();
    }

    /// Not empty.
    bool valid() const noexcept { return state_ != nullptr; }
    /// Finished, failed or cancelled. If true, what the task did happens before this returns.
    bool done() const { return checked("done").done(); }
    /// Started and not yet ended: cannot be cancelled any more.
    bool running() const { return checked("running").running(); }
    /// Ended by cancel(), request_stop() or a cancelling shutdown: the task never ran to its end.
    bool cancelled() const {
        return checked("cancelled").state() == detail::CallState::cancelled;
    }

    /// Waits, then gives the value, or rethrows the exception of the task: the same one every time. Throws
    /// CancelledError if the task was cancelled. The reference is valid as long as any future of the task.
    Reference result() const& { return value_after(detail::Deadline::never(), "result"); }
    /// Gives up after `timeout` with TimeoutError; 0 or less does not wait.
    template <class Rep, class Period>
    Reference result(std::chrono::duration<Rep, Period> timeout) const& {
        return value_after(detail::Deadline::after(timeout, "the timeout of Future::result"), "result");
    }
    /// On an rvalue: the value itself. It is moved out when this is the last handle or T cannot be copied, otherwise
    /// copied. The future is empty afterwards, unless this throws.
    T result() && { return taken_after(detail::Deadline::never()); }
    /// Refused: says what to write instead.
    template <detail::NumberWithoutUnit Number>
    T result(Number) const {
        return detail::refuse_number_without_unit<Number>(), detail::never_returned<T>();
    }
    template <class Rep, class Period>
    T result(std::chrono::duration<Rep, Period> timeout) && {
        return taken_after(detail::Deadline::after(timeout, "the timeout of Future::result"));
    }

    /// Waits, then gives the exception of the task, or null if it returned. Throws CancelledError, and TimeoutError
    /// after `timeout`. The failure then counts as looked at (report_unobserved).
    std::exception_ptr exception() const { return exception_after(detail::Deadline::never()); }
    template <class Rep, class Period>
    std::exception_ptr exception(std::chrono::duration<Rep, Period> timeout) const {
        return exception_after(detail::Deadline::after(timeout, "the timeout of Future::exception"));
    }

    /// As in std::shared_future: get() is result(); the others only wait, and do not throw what the task threw.
    Reference get() const& { return result(); }
    T get() && { return std::move(*this).result(); }
    void wait() const { wait_until_done(detail::Deadline::never(), "wait"); }
    template <class Rep, class Period>
    std::future_status wait_for(std::chrono::duration<Rep, Period> duration) const {
        return status_after(detail::Deadline::after(duration, "the duration of Future::wait_for"));
    }
    template <class Clock, class Length>
    std::future_status wait_until(std::chrono::time_point<Clock, Length> time) const {
        return status_after(detail::Deadline::until(time, "the time of Future::wait_until"));
    }

    /// True if the task had not started, or was cancelled before: it will never run, and threads that wait for it go on
    /// at once. Callbacks run in this thread, before this returns.
    bool cancel() const { return checked("cancel").cancel(); }
    /// cancel(). If the task is running already, and takes a std::stop_token, it is asked to stop. Neither has an effect on
    /// the future of a coroutine: see coroutine.hpp.
    void request_stop() const { checked("request_stop").request_stop(); }

    /// `callback(Future<T>)` runs once: in the thread that ends the task, in the order added; or in this thread, at
    /// once, if the task has ended. What it throws goes to the unhandled-exception hook. It may submit to, cancel
    /// tasks of and shut down the same pool.
    template <class Callback>
    void add_done_callback(Callback&& callback) const {
        static_assert(std::invocable<Callback, Future<T>>,
                      "add_done_callback(f): f must take the future, as Future<T> or const Future<T>&; to get the "
                      "value write then(f)");
        add_callback(std::forward<Callback>(callback));
    }

    /// A future of `function(value)`, which is called in the thread that ends this task, or in this thread, at once,
    /// if it has ended. After an exception or a cancellation the function is not called, and the new future ends in
    /// the same way. A Future that the function returns is unwrapped. The value is moved in if this is its last handle.
    /// Cancelling the new future does not cancel this task.
    template <class Function>
    auto then(Function&& function) const& {
        return Future(*this).then(std::forward<Function>(function));
    }
    template <class Function>
    auto then(Function&& function) &&;
    /// The same by `executor.submit(function, value)`. The executor must live until then.
    template <class Executor, class Function>
    auto then(Executor& executor, Function&& function) const& {
        return Future(*this).then(executor, std::forward<Function>(function));
    }
    template <class Executor, class Function>
    auto then(Executor& executor, Function&& function) && {
        return std::move(*this).then(detail::SubmitWithValue<Executor, std::decay_t<Function>>{
            executor, std::forward<Function>(function)});
    }

    /// True for handles to the same task. There is a std::hash, so futures can be keys.
    friend bool operator==(const Future&, const Future&) noexcept = default;

  private:
    friend detail::FutureAccess;
    explicit Future(State* adopted) noexcept : state_(adopted) {}

    State& checked(const char* operation) const {
        if (!state_) detail::throw_empty_future(operation);
        return *state_;
    }
    template <class Callback>
    void add_callback(Callback&& callback) const;
    bool wait_until_done(const detail::Deadline& deadline, const char* operation) const;
    State& succeeded_after(const detail::Deadline& deadline, const char* operation) const;
    Reference value_after(const detail::Deadline& deadline, const char* operation) const;
    T taken_after(const detail::Deadline& deadline);
    std::exception_ptr exception_after(const detail::Deadline& deadline) const;
    std::future_status status_after(const detail::Deadline& deadline) const {
        return wait_until_done(deadline, "wait") ? std::future_status::ready : std::future_status::timeout;
    }

    State* state_ = nullptr;
};

namespace detail {

/// How executors, promises and waiting functions reach the state of a future.
struct FutureAccess {
    /// Takes over one handle of the state.
    template <class T>
    static Future<T> adopt(OutcomeState<T>* state) noexcept { return Future<T>(state); }
    template <class T>
    static OutcomeState<T>& state(const Future<T>& future, const char* operation) {
        return future.checked(operation);
    }
    /// Hands the handle over to the caller.
    template <class T>
    static OutcomeState<T>* release(Future<T> future) noexcept {
        return std::exchange(future.state_, nullptr);
    }
    template <class T>
    static const void* identity(const Future<T>& future) noexcept {
        return future.state_;
    }
};

/// Holds a future of its task from the start, so that the value cannot be moved away before the callback has run. The
/// reference cycle opens when the task ends, which every task does.
template <class T, class Callback>
class DoneCallback final : public Listener {
  public:
    template <class C>
    explicit DoneCallback(const Future<T>& future, C&& callback)
        : Listener(Kind::callback), future_(future), callback_(std::forward<C>(callback)) {}

    void notify(SharedState& state, TaskQueue*) override {
        const std::unique_ptr<DoneCallback> self(this);
        try {
            detail::invoke(std::move(callback_), std::move(future_));
        } catch (ForcedUnwind&) {
            state.report(ended_thread_error());
            throw;
        } catch (...) {
            state.report(std::current_exception());
        }
    }

  private:
    Future<T> future_;
    Callback callback_;
};

}  // namespace detail

template <class T>
bool Future<T>::wait_until_done(const detail::Deadline& deadline, const char* operation) const {
    return checked(operation).wait(deadline);
}

template <class T>
auto Future<T>::succeeded_after(const detail::Deadline& deadline, const char* operation) const -> State& {
    if (!wait_until_done(deadline, operation))
        throw TimeoutError(std::string("Future::") + operation +
                           ": the task has not ended in the given time; it goes on, wait for it again or call "
                           "request_stop()");
    if (state_->state() == detail::CallState::cancelled) throw CancelledError();
    return *state_;
}

template <class T>
auto Future<T>::value_after(const detail::Deadline& deadline, const char* operation) const -> Reference {
    State& state = succeeded_after(deadline, operation);
    if (state.state() == detail::CallState::failed) {
        state.mark_observed();
        std::rethrow_exception(state.error());
    }
    if constexpr (std::is_reference_v<T>)
        return static_cast<T>(*state.value());
    else if constexpr (!std::is_void_v<T>)
        return state.value();
}

template <class T>
T Future<T>::taken_after(const detail::Deadline& deadline) {
    if constexpr (std::is_void_v<T> || std::is_reference_v<T>) {
        return static_cast<T>(value_after(deadline, "result"));
    } else {
        static_cast<void>(value_after(deadline, "result"));
        Future taken = std::move(*this);  // lets go of the state on the way out
        try {
            if constexpr (std::copy_constructible<T>)
                if (!taken.state_->last_handle()) return std::as_const(taken.state_->value());
            return std::move(taken.state_->value());
        } catch (...) {
            std::swap(state_, taken.state_);
            throw;
        }
    }
}

template <class T>
std::exception_ptr Future<T>::exception_after(const detail::Deadline& deadline) const {
    State& state = succeeded_after(deadline, "exception");
    if (state.state() != detail::CallState::failed) return nullptr;
    state.mark_observed();
    return state.error();
}

template <class T>
template <class Callback>
void Future<T>::add_callback(Callback&& callback) const {
    State& state = checked("add_done_callback");
    auto listener = std::make_unique<detail::DoneCallback<T, std::decay_t<Callback>>>(
        *this, std::forward<Callback>(callback));
    if (state.add_listener(*listener)) {
        listener.release();  // the list owns it now
    } else {
        state.add_producer();  // the callback may drop all futures of it, this one too
        listener.release()->notify(state, nullptr);
        state.drop_producer();
    }
}

template <class R>
detail::OutcomeState<R>* detail::ThenResult<Future<R>>::Inner::release(Future<R> future) {
    if (!future.valid()) throw_empty_future("then, returned by its function");
    return FutureAccess::release(std::move(future));
}

template <class T>
template <class Function>
auto Future<T>::then(Function&& function) && {
    using Kept = std::decay_t<Function>;
    static_assert(detail::callable_with_value<Kept, T>,
                  "then(f): f cannot be called with the value of this future; it must take it by value or "
                  "const reference. To get the future itself write when_done(future, f)");
    using Returned = decltype(detail::invoke_with_value(std::declval<Kept&>(), std::declval<State&>()));
    using Result = detail::ThenResult<std::remove_cv_t<Returned>>;
    using U = typename Result::type;
    State& parent = checked("then");
    auto* const link = new detail::Continuation<T, U, Kept, typename Result::Inner>(
        &parent, std::forward<Function>(function));
    state_ = nullptr;  // the link has the handle now
    Future<U> future = detail::FutureAccess::adopt<U>(link);
    if (!parent.add_listener(*link)) link->notify(parent, nullptr);
    return future;
}

/// `<Future: pending>`, `running`, `cancelled`, `finished`, `finished raised std::runtime_error`.
template <class Traits, class T>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out,
                                             const Future<T>& future) {
    if (!future.valid()) return out << "<Future: empty>";
    if (future.cancelled()) return out << "<Future: cancelled>";
    if (!future.done()) return out << (future.running() ? "<Future: running>" : "<Future: pending>");
    const std::exception_ptr error = future.exception();
    if (!error) return out << "<Future: finished>";
    try {
        std::rethrow_exception(error);
    } catch (...) {
        return out << "<Future: finished raised " << detail::thrown_type_name().c_str() << '>';
    }
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI

template <class T>
struct std::hash<concurrent::futures::Future<T>> {
    std::size_t operator()(const concurrent::futures::Future<T>& future) const noexcept {
        return std::hash<const void*>{}(concurrent::futures::detail::FutureAccess::identity(future));
    }
};
