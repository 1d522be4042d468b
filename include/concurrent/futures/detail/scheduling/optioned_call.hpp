// SPDX-License-Identifier: MIT
//
// optioned_call.hpp: a call of a thread pool with a time limit or retries around it.
//
// Wraps the callable, so that calls without such options carry nothing for them. A call that is asked to
// stop because its time is up ends with TaskTimeoutError, whatever it returns or throws then. Retries run
// at once on the same worker, each with fresh copies of callable and arguments.
#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/scheduling/deadline_timer.hpp"
#include "concurrent/futures/detail/task/bound_call.hpp"
#include "concurrent/futures/errors.hpp"
#include "concurrent/futures/options.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

template <class Callable, class... Args>
class OptionedCall {
    using Call = BoundCall<Callable, Args...>;

  public:
    using Result = decltype(std::declval<Call&>()());

    /// Throws std::invalid_argument for options that this callable cannot honour.
    template <class F, class... As>
    OptionedCall(DeadlineTimer& timer, const TaskOptions& options, F&& callable, As&&... args)
        : timer_(&timer),
          name_(options.name),
          timeout_(options.timeout),
          retries_(options.retries),
          callable_(std::forward<F>(callable)),
          args_(std::forward<As>(args)...) {
        if (timeout_ && !Call::stoppable)
            throw std::invalid_argument(
                "ThreadPoolExecutor: TaskOptions::timeout needs a callable that takes a std::stop_token "
                "as its first argument, for a thread can only be asked to stop; or use a "
                "ProcessPoolExecutor");
        require_not_negative(timeout_, "TaskOptions::timeout");
        if (retries_ != 0 && !can_repeat)
            throw std::invalid_argument(
                "ThreadPoolExecutor: TaskOptions::retries needs a callable and arguments that can be "
                "copied");
    }

    Result operator()(std::stop_token outer) {
        for (;; --retries_) {
            try {
                return attempt(outer);
            } catch (...) {
                if (retries_ == 0 || outer.stop_requested()) throw;
            }
        }
    }

  private:
    static constexpr bool can_repeat =
        std::copy_constructible<Callable> && (std::copy_constructible<Args> && ...);

    Result attempt(const std::stop_token& outer) {
        if constexpr (can_repeat)
            if (retries_ != 0)
                return run(std::apply([&](const Args&... args) { return Call(callable_, args...); },
                                      std::as_const(args_)),
                           outer);
        return run(std::apply(
                       [&](Args&... args) { return Call(std::move(callable_), std::move(args)...); },
                       args_),
                   outer);
    }

    Result run(Call call, const std::stop_token& outer) {
        if constexpr (Call::stoppable) {
            const std::stop_source stop = call.stop_source();
            const std::stop_callback forward(outer, [stop]() mutable { stop.request_stop(); });
            if (!timeout_) return call();
            DeadlineTimer::Entry limit(*timer_, DeadlineTimer::deadline_after(*timeout_), stop);
            try {
                if constexpr (std::is_void_v<Result>) {
                    call();
                    if (!limit.fired()) return;
                } else {
                    Result result = call();
                    if (!limit.fired()) return std::forward<Result>(result);
                }
            } catch (...) {
                if (!limit.fired()) throw;
            }
            throw TaskTimeoutError("task" + (name_.empty() ? std::string() : " \"" + name_ + "\"") +
                                   " was asked to stop after " +
                                   std::to_string(std::chrono::duration<double>(*timeout_).count()) +
                                   " s, its TaskOptions::timeout");
        } else {
            return call();
        }
    }

    DeadlineTimer* timer_;
    std::string name_;
    Duration timeout_;
    std::size_t retries_;
    Callable callable_;
    std::tuple<Args...> args_;
};

}  // namespace concurrent::futures::inline v1::detail
