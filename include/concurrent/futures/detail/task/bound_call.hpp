// SPDX-License-Identifier: MIT
//
// bound_call.hpp: a callable with its arguments, kept by value as std::thread keeps them.
//
// A callable that can take a std::stop_token as its first argument gets one (the std::jthread
// rule); the others do not pay for it.
#pragma once

#include <concepts>
#include <memory>
#include <stop_token>
#include <tuple>
#include <type_traits>
#include <utility>

#include "concurrent/futures/detail/platform/function.hpp"
#include "concurrent/futures/detail/platform/refusal.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// The callable runs later and on another thread, so it gets copies.
template <class Callable, class... Args>
concept CallableWithCopies = std::invocable<std::decay_t<Callable>, std::decay_t<Args>...> ||
                             std::invocable<std::decay_t<Callable>, std::stop_token, std::decay_t<Args>...>;

/// Compiles if the call can be made with copies; otherwise says what to write instead.
template <class Callable, class... Args>
consteval void check_copied_call() {
    using F = std::decay_t<Callable>;
    if constexpr (std::is_fundamental_v<F>)
        static_assert(always_false<F>,
                      "submit(f, args...): f is a value, not a function. submit(f(x)) has called f here already; "
                      "write submit(f, x)");
    else if constexpr (!(std::is_constructible_v<F, Callable> && ... &&
                         std::is_constructible_v<std::decay_t<Args>, Args>))
        static_assert(always_false<F>,
                      "submit(f, args...): f or an argument cannot be copied. The call runs later, so it gets copies, as "
                      "in std::thread; write std::move(x) to hand x over, or std::ref(x) to pass it by reference");
    else
        static_assert(CallableWithCopies<Callable, Args...>,
                      "submit(f, args...): f cannot be called with copies of args. The call runs later, so arguments are "
                      "copied as in std::thread; write std::ref(x) to pass x by reference. For a member function the "
                      "object comes first: submit(&Class::member, object, args...)");
}

/// The name of the library's own callables in traces; empty for callables of users.
template <class Callable>
constexpr const char* library_name() noexcept {
    if constexpr (requires { Callable::library_name; })
        return Callable::library_name;
    else
        return "";
}

template <class Callable, class... Args>
class BoundCall {
    static constexpr bool takes_stop_token = std::invocable<Callable, std::stop_token, Args...>;
    struct NoStop {};

  public:
    template <class F, class... As>
    explicit BoundCall(F&& callable, As&&... args)
        : callable_(std::forward<F>(callable)), args_(std::forward<As>(args)...) {}

    /// May be called once: moves the copies into the call.
    decltype(auto) operator()() {
        return std::apply(
            [this](Args&... args) -> decltype(auto) {
                if constexpr (takes_stop_token)
                    return detail::invoke(std::move(callable_), stop_.get_token(), std::move(args)...);
                else
                    return detail::invoke(std::move(callable_), std::move(args)...);
            },
            args_);
    }

    /// A fresh copy of the call, without a stop request. On the heap, as it may be too large for the stack.
    std::unique_ptr<BoundCall> copy() const {
        return std::apply(
            [this](const Args&... args) { return std::make_unique<BoundCall>(callable_, args...); }, args_);
    }

    static constexpr bool stoppable = takes_stop_token;
    static constexpr const char* library_name = detail::library_name<Callable>();
    /// Requests the stop of the call. Only where stoppable.
    const auto& stop_source() const noexcept { return stop_; }

  private:
    [[no_unique_address]] Callable callable_;
    [[no_unique_address]] std::tuple<Args...> args_;
    [[no_unique_address]] std::conditional_t<takes_stop_token, std::stop_source, NoStop> stop_{};
};

template <class Callable, class... Args>
using BoundCallFor = BoundCall<std::decay_t<Callable>, std::decay_t<Args>...>;

/// What is kept of a result: what an rvalue reference refers to may be one of the copies, which go with the
/// call, so it is kept as a value. `&Class::member` called on a copy gives such a reference.
template <class R>
using KeptResult = std::conditional_t<std::is_rvalue_reference_v<R>, std::remove_cvref_t<R>, R>;

template <class Callable, class... Args>
using CallResult = KeptResult<decltype(std::declval<BoundCallFor<Callable, Args...>&>()())>;

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
