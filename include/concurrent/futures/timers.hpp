// SPDX-License-Identifier: MIT
//
// timers.hpp: tasks that start later or periodically; pauses and time limits in coroutines.
//
//     cf::Future<int> later = cf::submit_after(pool, 5s, work, 12);
//     cf::Future<void> beat = cf::submit_every(pool, 1s, send_heartbeat);    // until beat.cancel()
//     co_await cf::after(100ms);                                             // blocks no thread
//     Page page = co_await cf::with_timeout(pool.submit(load, url), 200ms);  // or TimeoutError
//
// One timer for the whole program. Its thread is started by the first use, and ends with the program: when static objects
// are destroyed, all timers that are not due yet are cancelled, and so is each that is set later. So a task of a static
// pool that waits for a timer gets CancelledError, and the pool can end.
// Done callbacks of after(), and coroutines that await it, run in a thread of the timer; a slow one delays no other
// timer. Write `co_await cf::resume_on(pool)` to go on in a pool.
// A timer that is cancelled frees its memory, and the copies of function and arguments, at once. Setting and cancelling
// one takes logarithmic time at most, however many there are.
// submit_every() leaves out runs that come too late: on a busy machine there are fewer runs than periods.
// The pool may be destroyed before the timer is due: then the task fails with ShutdownError.
// To cancel a coroutine, cancel the future that it awaits: the coroutine gets CancelledError there. Or give it a
// std::stop_token, as to any function.
// Threads: any.
#pragma once

#include "concurrent/futures/detail/platform/requirements.hpp"

#include <algorithm>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <tuple>
#include <type_traits>
#include <utility>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/fork_generation.hpp"
#include "concurrent/futures/detail/platform/option_duration.hpp"
#include "concurrent/futures/detail/platform/refusal.hpp"
#include "concurrent/futures/detail/scheduling/deadline_timer.hpp"
#include "concurrent/futures/detail/state/ask_to_stop.hpp"
#include "concurrent/futures/detail/task/submitter_access.hpp"
#include "concurrent/futures/errors.hpp"
#include "concurrent/futures/future.hpp"
#include "concurrent/futures/or_else.hpp"
#include "concurrent/futures/promise.hpp"
#include "concurrent/futures/when_all.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {
namespace detail {

/// A future that ends at that time, or when it is cancelled. Throws std::system_error if there is no thread for the timer.
CONCURRENT_FUTURES_DECL Future<void> set_alarm(DeadlineTimer::Clock::time_point due);

template <class Submitter, class Callable, class... Args>
class Repetition : public std::enable_shared_from_this<Repetition<Submitter, Callable, Args...>> {
  public:
    template <class F, class... As>
    Repetition(Submitter submitter, std::chrono::nanoseconds period, F&& callable, As&&... args)
        : submitter_(std::move(submitter)),
          period_(period),
          next_(DeadlineTimer::deadline_after(period)),
          callable_(std::forward<F>(callable)),
          args_(std::forward<As>(args)...) {}

    /// The future of the whole repetition. To cancel it ends the repetition.
    Future<void> start() {
        wait();
        Future<void> all = ended();
        all.add_done_callback([weak = this->weak_from_this()](const Future<void>& done) {
            if (!done.cancelled()) return;
            if (const auto self = weak.lock()) self->next_alarm().cancel();
        });
        return all;
    }

  private:
    using Clock = DeadlineTimer::Clock;

    Future<void> ended() const { return ended_.get_future(); }
    Future<void> next_alarm() const {
        const std::lock_guard lock(mutex_);
        return alarm_;
    }
    void wait() {
        Future<void> alarm = set_alarm(next_);
        {
            const std::lock_guard lock(mutex_);
            alarm_ = alarm;
        }
        alarm.add_done_callback([self = this->shared_from_this()](const Future<void>& done) {
            done.cancelled() ? static_cast<void>(self->ended().cancel()) : self->submit();
        });
        if (ended().done()) alarm.cancel();  // it was cancelled before alarm_ was there
    }
    void submit() {
        if (ended().done()) return;
        try {
            auto run = std::apply([this](const Args&... args) { return submitter_.submit(callable_, args...); }, args_);
            run.add_done_callback([self = this->shared_from_this()](const auto& done) { self->ran(done); });
        } catch (...) {
            end(std::current_exception());
        }
    }
    template <class T>
    void ran(const Future<T>& done) {
        if (done.cancelled()) return static_cast<void>(ended().cancel());
        if (const std::exception_ptr error = done.exception()) return end(error);
        try {
            // A time that has passed while the task ran is left out.
            next_ += period_ * ((std::max)(Clock::now() - next_, Clock::duration(0)) / period_ + 1);
            wait();
        } catch (...) {
            end(std::current_exception());
        }
    }
    void end(const std::exception_ptr& error) {
        if (ended_.set_running_or_notify_cancel()) ended_.set_exception(error);
    }

    const Submitter submitter_;
    const Clock::duration period_;
    Clock::time_point next_;
    const Callable callable_;
    const std::tuple<Args...> args_;
    Promise<void> ended_;
    mutable std::mutex mutex_;
    Future<void> alarm_;  // guarded by mutex_
};

}  // namespace detail

/// A future that is done when `delay` has passed; at once if that is 0 or less. cancel() ends it earlier. Throws
/// std::system_error if the timer's thread cannot be started.
template <class Rep, class Period>
[[nodiscard]] Future<void> after(std::chrono::duration<Rep, Period> delay) {
    const detail::Deadline due = detail::Deadline::after(delay, "the delay of after");
    return detail::set_alarm(due.is_never() ? (detail::DeadlineTimer::Clock::time_point::max)() : due.at());
}

/// What becomes of `future`, if it is done within `limit`; otherwise a future that fails with TimeoutError, and the task
/// is asked to stop: future.request_stop(). So it is when the returned future is cancelled. As asyncio.wait_for(), for
/// coroutines and continuations; a thread may write future.result(limit), which leaves the task alone. A future that was
/// cancelled gives CancelledError. A task that takes no std::stop_token goes on, and so does a coroutine. The value is
/// copied, or moved if it can only be moved. Throws as after(), and InvalidStateError for an empty future.
template <class T, class Rep, class Period>
[[nodiscard]] Future<T> with_timeout(Future<T> future, std::chrono::duration<Rep, Period> limit) {
    Future<void> alarm = after(limit);
    Future<T> first = when_done(when_any(future, alarm), [](const auto& done) -> T {
        auto [task, rings] = done.result().futures;
        if (!task.done()) {
            detail::ask_to_stop(task);
            throw TimeoutError("with_timeout: the future was not done within the limit; its task was asked to stop");
        }
        rings.cancel();
        return std::move(task).result();
    });
    first.add_done_callback([task = std::move(future), rings = std::move(alarm)](const Future<T>& done) mutable {
        if (!done.cancelled()) return;
        rings.cancel();
        detail::ask_to_stop(task);
    });
    return first;
}

/// pool.submit(f, args...) when `delay` has passed, with copies that are made now. What that submit throws becomes the
/// exception of the future. Cancelling the future before that means that the task is not submitted; afterwards cancel()
/// gives false.
template <class Pool, class Rep, class Period, class Callable, class... Args>
auto submit_after(Pool& pool, std::chrono::duration<Rep, Period> delay, Callable&& callable, Args&&... args) {
    Future<void> due = after(delay);
    auto task = due.then(
        [submitter = detail::SubmitterAccess::of(pool),
         call = std::tuple<std::decay_t<Callable>, std::decay_t<Args>...>(
             std::forward<Callable>(callable), std::forward<Args>(args)...)]() mutable {
            return std::apply([&](auto&... parts) { return submitter.submit(std::move(parts)...); }, call);
        });
    task.add_done_callback([due = std::move(due)](const auto& done) {
        if (done.cancelled()) due.cancel();
    });
    return task;
}

/// pool.submit(f, args...) each time that `period` has passed; the first time after one period. A run that has not
/// ended when the next one is due replaces that one. Goes on until the future is cancelled. When a run
/// throws, or the pool refuses it, the future fails with that exception and there are no more runs. Dropping the future
/// ends nothing. Function and arguments are copied for each run. Throws std::invalid_argument for a period that is not
/// positive.
template <class Pool, class Rep, class Period, class Callable, class... Args>
[[nodiscard]] Future<void> submit_every(Pool& pool, std::chrono::duration<Rep, Period> period, Callable&& callable,
                                        Args&&... args) {
    const auto length = detail::rounded_up<std::chrono::nanoseconds>(period, "submit_every: the period");
    if (length <= length.zero())
        throw std::invalid_argument("submit_every(pool, period, f, args...): the period must be positive");
    auto submitter = detail::SubmitterAccess::of(pool);
    using Repetition = detail::Repetition<decltype(submitter), std::decay_t<Callable>, std::decay_t<Args>...>;
    const auto repetition = std::make_shared<Repetition>(
        std::move(submitter), length, std::forward<Callable>(callable), std::forward<Args>(args)...);
    return repetition->start();
}

/// Refused: says what to write instead.
template <detail::NumberWithoutUnit Number>
Future<void> after(Number) {
    detail::refuse_number_without_unit<Number>();
    return {};
}
/// Refused: says what to write instead.
template <class T, detail::NumberWithoutUnit Number>
Future<T> with_timeout(Future<T>, Number) {
    detail::refuse_number_without_unit<Number>();
    return {};
}
/// Refused: says what to write instead.
template <class Pool, class Delay, class... Args>
    requires(!detail::IsDuration<Delay>)
Future<void> submit_after(Pool&, Delay&&, Args&&...) {
    static_assert(detail::always_false<Delay>,
                  "submit_after(pool, delay, f, args...): the delay comes before f, and has a unit, such as 5s");
    return {};
}
/// Refused: says what to write instead.
template <class Pool, class Delay, class... Args>
    requires(!detail::IsDuration<Delay>)
Future<void> submit_every(Pool&, Delay&&, Args&&...) {
    static_assert(detail::always_false<Delay>,
                  "submit_every(pool, period, f, args...): the period comes before f, and has a unit, such as 5s");
    return {};
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI

#if CONCURRENT_FUTURES_HEADER_ONLY
#include "concurrent/futures/impl/timers.hpp"
#endif
