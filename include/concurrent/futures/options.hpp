// SPDX-License-Identifier: MIT
//
// options.hpp: Python's keyword arguments as aggregates filled by designated initializers.
//
//     cf::ThreadPoolExecutor pool({.max_workers = 4, .thread_name_prefix = "io"});
//     pool.map({.timeout = 5s, .buffersize = 16}, fetch, urls);
//     pool.shutdown({.cancel_futures = true});
//
// Field order is part of the interface. A field that an executor cannot honour is rejected by
// std::invalid_argument, never ignored. Threads: plain values.
#pragma once

#include "concurrent/futures/detail/platform/requirements.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/function.hpp"
#include "concurrent/futures/detail/platform/option_value.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

/// A number of things. Takes any integer type without a narrowing error; a negative number throws
/// std::invalid_argument where it is written.
class Count {
  public:
    /// 0.
    constexpr Count() noexcept = default;
    template <std::integral Integer>
    constexpr Count(Integer value) : value_(static_cast<std::size_t>(value)) {
        if constexpr (std::signed_integral<Integer>) {
            if (value < 0) throw std::invalid_argument("an option that counts (such as max_workers, "
                                                       "max_pending, chunksize) must not be negative");
        }
    }
    /// The number.
    constexpr operator std::size_t() const noexcept { return value_; }

  private:
    std::size_t value_ = 0;
};

using Duration = std::optional<std::chrono::nanoseconds>;  ///< empty: no limit

/// Of calls that wait, those of higher priority start first, always: while calls of a higher priority keep coming as
/// fast as the workers run them, one of a lower priority does not start. There is no ageing.
enum class Priority : std::uint8_t { low, normal, high };

/// What submit does while max_pending calls wait: waits for room (not in a worker of the same pool), throws
/// QueueFullError, or runs the call itself before it returns.
enum class QueueFull : std::uint8_t { block, raise, caller_runs };

/// What a pool's destructor does with calls that have not started: lets them run, or cancels them.
enum class OnDestroy : std::uint8_t { wait, cancel_pending };

/// When wait() returns: with the first call that ends in whatever way, with the first that throws or else
/// the last, with the last. A cancelled call has ended, and is no exception.
enum class ReturnWhen : std::uint8_t { first_completed, first_exception, all_completed };

/// How a process pool makes its workers; see ProcessPoolOptions::start_method.
enum class StartMethod : std::uint8_t { automatic, spawn, fork };

/// What becomes of the call whose worker process died: it fails with WorkerDiedError, it runs again, or it
/// and all others fail with BrokenProcessPool and the pool takes no more.
enum class WorkerDeath : std::uint8_t { fail_task, retry_task, break_pool };

/// Told about exceptions that have no future to go to. Called by the thread that met them; must
/// not throw. Unset: one line on stderr, and the program goes on.
using UnhandledExceptionHook = std::function<void(std::exception_ptr)>;

class Observer;  ///< in observer.hpp; TraceFile (trace.hpp) makes one

/// For submit(TaskOptions, f, args...).
struct TaskOptions {
    detail::OptionValue<std::string> name{};  ///< shown in messages and traces
    Priority priority = Priority::normal;  ///< higher ones start first
    Duration timeout{};                    ///< counts from the start of the call
    Count retries{};                       ///< run again up to so many times when it fails
};

/// For map(MapOptions, f, ranges...).
struct MapOptions {
    Duration timeout{};                 ///< for the whole map, from the call
    Count chunksize{};                  ///< items per task; 0: the library chooses
    std::optional<Count> buffersize{};  ///< at most so many results not yet taken; empty: all
};

/// For wait(futures, WaitOptions).
struct WaitOptions {
    Duration timeout{};                                  ///< from the call of wait()
    ReturnWhen return_when = ReturnWhen::all_completed;  ///< which end to wait for
};

/// For shutdown(ShutdownOptions).
struct ShutdownOptions {
    bool wait = true;             ///< return only after the workers have ended
    bool cancel_futures = false;  ///< cancel calls that have not started
};

/// For ThreadPoolExecutor.
struct ThreadPoolOptions {
    Count max_workers{};                     ///< 0: available_parallelism()
    /// Threads are called prefix_0, prefix_1, …
    detail::OptionValue<std::string> thread_name_prefix{};
    detail::OptionFunction<void()> initializer{};  ///< runs first in every worker thread
    detail::OptionFunction<void()> worker_exit{};  ///< runs last in every worker thread
    Count max_pending{};                     ///< calls waiting to start; 0: no bound
    QueueFull on_full = QueueFull::block;    ///< what submit does at that bound
    Duration idle_timeout{};                 ///< a worker idle for so long ends; empty: never
    OnDestroy on_destroy = OnDestroy::wait;  ///< what the destructor does with waiting calls
    bool report_unobserved = false;          ///< report failures that nobody looked at
    /// Of callbacks, post and worker_exit.
    detail::OptionFunction<void(std::exception_ptr)> on_unhandled_exception{};
    detail::OptionValue<std::shared_ptr<Observer>> observer{};  ///< is told what the pool does: observer.hpp, trace.hpp
};

namespace detail {

/// Options come from the user: throws what the contract promises for bad ones.
inline void require_not_negative(const Duration& duration, const char* name) {
    if (duration && duration->count() < 0)
        throw std::invalid_argument(std::string(name) + " must not be negative; leave it out for the default");
}

/// More workers than any machine has processors is a negative number or a mistake.
inline void require_sane_worker_count(std::size_t count, std::size_t limit) {
    if (count > limit)
        throw std::invalid_argument("max_workers = " + std::to_string(count) +
                                    " is above the limit of " + std::to_string(limit) +
                                    "; 0 takes as many as there are processors");
}

}  // namespace detail
}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
