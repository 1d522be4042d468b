// SPDX-License-Identifier: MIT
//
// optioned_call.hpp: a task of a thread pool with a timeout or retries.
//
// Wraps the callable, so that tasks without such options need no memory for them. A task that was asked to stop because
// its timeout has passed ends with TaskTimeoutError; what it returns or throws after that is dropped. Retries run at
// once on the same worker, each with fresh copies of callable and arguments.
#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>

#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/forced_unwind.hpp"
#include "concurrent/futures/detail/scheduling/deadline_timer.hpp"
#include "concurrent/futures/detail/state/pool_watch.hpp"
#include "concurrent/futures/detail/task/bound_call.hpp"
#include "concurrent/futures/errors.hpp"
#include "concurrent/futures/options.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Takes the place of a BoundCall.
template <class Callable, class... Args>
class OptionedCall {
    using Call = BoundCall<Callable, Args...>;

  public:
    using Result = KeptResult<decltype(std::declval<Call&>()())>;

    /// Throws std::invalid_argument for options that this callable cannot honour.
    template <class F, class... As>
    OptionedCall(DeadlineTimer& timer, const TaskOptions& options, F&& callable, As&&... args)
        : timer_(&timer),
          name_(options.name),
          timeout_(options.timeout),
          retries_(options.retries),
          call_(std::forward<F>(callable), std::forward<As>(args)...) {
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

    Result operator()() {
        for (;; --retries_) {
            try {
                return attempt();
            } catch (ForcedUnwind&) {
                throw;
            } catch (...) {
                if (retries_ == 0 || stop_.stop_requested()) throw;
            }
            if (running_watched_call) running_watched_call->retried();
        }
    }

    static constexpr bool stoppable = true;
    static constexpr const char* library_name = "";
    /// A request here stops the attempt that runs, and no other follows.
    const std::stop_source& stop_source() const noexcept { return stop_; }

  private:
    static constexpr bool can_repeat =
        std::copy_constructible<Callable> && (std::copy_constructible<Args> && ...);

    Result attempt() {
        if constexpr (can_repeat)
            if (retries_ != 0) return run(*call_.copy());
        return run(call_);
    }

    Result run(Call& call) {
        if constexpr (Call::stoppable) {
            const std::stop_source stop = call.stop_source();
            const std::stop_callback forward(stop_.get_token(), [source = stop]() mutable { source.request_stop(); });
            if (!timeout_) return call();
            DeadlineTimer::Entry limit(*timer_, DeadlineTimer::deadline_after(*timeout_), stop);
            try {
                if constexpr (std::is_void_v<Result>) {
                    call();
                    if (!limit.fired()) return;
                } else {
                    return result_in_time(call, limit);
                }
            } catch (ForcedUnwind&) {
                throw;
            } catch (...) {
                if (!limit.fired()) throw;
            }
            if (running_watched_call) running_watched_call->timed_out();
            throw TaskTimeoutError("task" + (name_.empty() ? std::string() : " \"" + name_ + "\"") +
                                   " was asked to stop after " +
                                   std::to_string(std::chrono::duration<double>(*timeout_).count()) +
                                   " s, its TaskOptions::timeout");
        } else {
            return call();
        }
    }

    /// Throws TimeIsUp when the timeout has passed: run() catches it and throws TaskTimeoutError.
    static Result result_in_time(Call& call, const DeadlineTimer::Entry& limit) {
        Result result = call();
        if (limit.fired()) throw TimeIsUp();
        if constexpr (std::is_reference_v<Result>)
            return std::forward<Result>(result);
        else
            return result;  // not moved: made where it stays
    }
    struct TimeIsUp {};

    DeadlineTimer* timer_;
    std::string name_;
    Duration timeout_;
    std::size_t retries_;
    std::stop_source stop_;
    Call call_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
