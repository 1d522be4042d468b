// SPDX-License-Identifier: MIT
//
// or_else.hpp: what to do when a task fails, as a future. The counterpart of Future::then, which handles values.
//
//     cf::Future<Page> page = cf::or_else(pool.submit(download, url), [&](std::exception_ptr) { return cached(url); });
//     cf::Future<void> told = cf::when_done(page, [](const cf::Future<Page>& done) { … });   // whatever the outcome
//
// The function runs as a done callback does: in the thread that completes the future, or at once if it is done already. So
// it should be short. What it throws is the exception of the returned future. A Future that it returns is not unwrapped.
// If the returned future is cancelled first, the function does not run; the task goes on.
#pragma once

#include "concurrent/futures/detail/platform/requirements.hpp"

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/forced_unwind.hpp"
#include "concurrent/futures/detail/platform/refusal.hpp"
#include "concurrent/futures/detail/state/ended_thread.hpp"
#include "concurrent/futures/future.hpp"
#include "concurrent/futures/promise.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

/// A future of f(done), where `done` is this future in the end: finished, failed or cancelled.
template <class T, class F>
    requires std::is_invocable_v<F&, const Future<T>&>
auto when_done(const Future<T>& future, F f) -> Future<std::invoke_result_t<F&, const Future<T>&>> {
    using Result = std::invoke_result_t<F&, const Future<T>&>;
    struct Step {
        std::optional<F> function;
        Promise<Result> promise{};
    };
    auto step = std::make_shared<Step>(Step{std::move(f)});
    Future<Result> result = step->promise.get_future();
    // Cancelled: the function will not run, so what it holds goes now.
    result.add_done_callback([weak = std::weak_ptr<Step>(step)](const Future<Result>& done) {
        if (!done.cancelled()) return;
        if (const auto cancelled = weak.lock()) cancelled->function.reset();
    });
    Future<T>(future).add_done_callback([step = std::move(step)](const Future<T>& done) {
        if (!step->promise.set_running_or_notify_cancel()) return;
        try {
            if constexpr (std::is_void_v<Result>) {
                std::invoke(*step->function, done);
                step->promise.set_value();
            } else {
                step->promise.set_value(std::invoke(*step->function, done));
            }
        } catch (detail::ForcedUnwind&) {
            step->promise.set_exception(detail::ended_thread_error());
            throw;
        } catch (...) {
            step->promise.set_exception(std::current_exception());
        }
    });
    return result;
}

/// The value of `future`; if it failed, f(its exception). If it was cancelled, the returned future fails with
/// CancelledError. T must be copyable, because other handles may want the value too.
template <class T, class F>
    requires std::is_invocable_r_v<T, F&, std::exception_ptr>
Future<T> or_else(const Future<T>& future, F f) {
    static_assert(std::is_void_v<T> || std::is_reference_v<T> || std::is_copy_constructible_v<T>,
                  "or_else(future, f): the value is copied into the returned future; for a type that is only moved, call "
                  "when_done(future, f) and look at future.exception() there");
    return when_done(future, [function = std::move(f)](const Future<T>& done) mutable -> T {
        if (done.cancelled()) return done.result();
        if (const std::exception_ptr error = done.exception()) return std::invoke(function, error);
        return done.result();
    });
}

/// Refused: says what to write instead.
template <class T, class F>
    requires(!std::is_invocable_v<F&, const Future<T>&>)
Future<T> when_done(const Future<T>&, F) {
    static_assert(detail::always_false<F>, "when_done(future, f): f must take the future, as const Future<T>&");
    return {};
}
/// Refused: says what to write instead.
template <class T, class F>
    requires(!std::is_invocable_r_v<T, F&, std::exception_ptr>)
Future<T> or_else(const Future<T>&, F) {
    static_assert(detail::always_false<F>,
                  "or_else(future, f): f must take a std::exception_ptr, and return what converts to the value type "
                  "of the future");
    return {};
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
