// SPDX-License-Identifier: MIT
//
// promise.hpp: the writing end of a future, for authors of executors and to bridge callbacks.
//
//     cf::Promise<int> promise;
//     start_reading([p = std::move(promise)](int bytes) mutable { p.set_value(bytes); });
//     promise.get_future().result();
//
// Threads: use one Promise object from one thread at a time; its futures may be used anywhere. If two threads fulfil
// one promise at the same time, one wins and the other gets InvalidStateError.
#pragma once

#include "concurrent/futures/detail/platform/requirements.hpp"

#include <exception>
#include <type_traits>
#include <utility>

#include "concurrent/futures/future.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

template <class T>
class Promise {
    using State = detail::OutcomeState<T>;
    struct Block final : State {};

  public:
    /// Throws std::bad_alloc.
    Promise() : state_(new Block) { state_->drop_handle(); }
    /// `other` has no future afterwards: its members throw InvalidStateError.
    Promise(Promise&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
    Promise& operator=(Promise&& other) noexcept {
        Promise(std::move(other)).swap(*this);
        return *this;
    }
    /// If the promise is unfulfilled, its futures get BrokenPromiseError.
    ~Promise();

    /// Swaps what the two promises fulfil. Futures keep their outcomes.
    void swap(Promise& other) noexcept { std::swap(state_, other.state_); }

    /// May be called any number of times; all futures share one outcome.
    Future<T> get_future() const {
        State& state = checked("get_future");
        state.add_handle();
        return detail::FutureAccess::adopt(&state);
    }

    /// Announces that the work starts. False: the future was cancelled, so do not start. Throws InvalidStateError when
    /// the future was running or done already.
    bool set_running_or_notify_cancel();

    /// Fulfils a pending or running future. Throws InvalidStateError when it has an outcome already, or was cancelled.
    /// If
    /// making the value throws, the future gets that exception. Callbacks run in this thread, before this returns. What
    /// was done before this call happens before result() returns.
    template <class... Args>
        requires(std::is_void_v<T> ? sizeof...(Args) == 0
                                   : std::is_constructible_v<detail::Stored<T>, Args...> ||
                                         (std::is_reference_v<T> && sizeof...(Args) == 1))
    void set_value(Args&&... args);
    /// The same with an exception, which must not be null.
    void set_exception(std::exception_ptr error);

  private:
    State& checked(const char* operation) const {
        if (!state_)
            throw InvalidStateError(std::string("Promise::") + operation +
                                    ": this promise was moved from");
        return *state_;
    }
    State& claimed(const char* operation) const {
        State& state = checked(operation);
        if (!state.claim())
            throw InvalidStateError(
                std::string("Promise::") + operation + ": the future is already " +
                (state.was_cancelled() ? "cancelled" : "finished") +
                "; fulfil a promise once, after set_running_or_notify_cancel() gave true");
        return state;
    }

    State* state_;  // holds one producer reference
};

template <class T>
Promise<T>::~Promise() {
    if (!state_) return;
    if (state_->claim())
        state_->finish(state_->store_exception(std::make_exception_ptr(BrokenPromiseError(
            "the promise of this future was destroyed before it was given a value"))), detail::Trampoline::later_if_deep());
    state_->drop_producer();
}

template <class T>
bool Promise<T>::set_running_or_notify_cancel() {
    State& state = checked("set_running_or_notify_cancel");
    if (state.begin()) return true;
    if (state.was_cancelled()) return false;
    throw InvalidStateError(
        "Promise::set_running_or_notify_cancel: the future is already running or finished");
}

template <class T>
template <class... Args>
    requires(std::is_void_v<T> ? sizeof...(Args) == 0
                               : std::is_constructible_v<detail::Stored<T>, Args...> ||
                                     (std::is_reference_v<T> && sizeof...(Args) == 1))
void Promise<T>::set_value(Args&&... args) {
    State& state = claimed("set_value");
    state.finish(state.store_result_of([&]() -> T {
        if constexpr (std::is_reference_v<T>)
            return (static_cast<T>(args), ...);
        else if constexpr (!std::is_void_v<T>)
            return T(std::forward<Args>(args)...);
    }), detail::Trampoline::later_if_deep());
}

template <class T>
void Promise<T>::set_exception(std::exception_ptr error) {
    if (!error)
        throw InvalidStateError("Promise::set_exception: the exception_ptr is null; set_value() "
                                "ends a future without an exception");
    State& state = claimed("set_exception");
    state.finish(state.store_exception(std::move(error)), detail::Trampoline::later_if_deep());
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
