// SPDX-License-Identifier: MIT
//
// options.hpp: Python's keyword arguments as aggregates filled by designated initializers.
//
//     cf::ThreadPoolExecutor pool({.max_workers = 4, .thread_name_prefix = "io"});
//     pool.map({.timeout = 5s, .buffersize = 16}, fetch, urls);
//     pool.shutdown({.cancel_futures = true});
//
// Field order is part of the interface. A field that an executor cannot honour is rejected by std::invalid_argument,
// never ignored. Where a number has a bound that is not rejected (MapOptions::chunksize), the field's comment says so.
// Threads: plain values.
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
#include "concurrent/futures/detail/platform/option_duration.hpp"
#include "concurrent/futures/detail/platform/option_value.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

/// An option that counts. Takes any integer type without a narrowing error; a negative number throws
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

/// A std::optional<std::chrono::nanoseconds>; empty: no limit. Takes any unit: what is too long for it, such as
/// hours::max(), becomes nanoseconds::max(), which is for ever. NaN throws std::invalid_argument where it is written.
using Duration = detail::OptionDuration<std::chrono::nanoseconds>;

/// Waiting tasks of higher priority always start first. There is no ageing: while tasks of a higher priority arrive as
/// fast as the workers run them, no task of a lower priority starts.
enum class Priority : std::uint8_t { low, normal, high };

/// Backpressure: what submit does while max_pending tasks wait. block: it waits for room, except in a worker of the
/// same pool. raise: it throws QueueFullError. caller_runs: it runs the task itself before it returns.
enum class QueueFull : std::uint8_t { block, raise, caller_runs };

/// What a pool's destructor does with tasks that have not started: lets them run, or cancels them.
enum class OnDestroy : std::uint8_t { wait, cancel_pending };

/// When wait() returns. first_completed: when one task has ended, in any way. first_exception: when one has thrown, or
/// all have ended. all_completed: when all have ended. A cancelled task has ended; it does not count as an exception.
enum class ReturnWhen : std::uint8_t { first_completed, first_exception, all_completed };

/// How a process pool makes its workers; see ProcessPoolOptions::start_method.
enum class StartMethod : std::uint8_t { automatic, spawn, fork };

/// What happens to a task whose worker process died. fail_task: it fails with WorkerDiedError. retry_task: it runs
/// again, up to three times in all. break_pool: it fails with WorkerDiedError, all other tasks fail with
/// BrokenProcessPool, and the pool takes no more. A task with TaskOptions::retries left is tried again first.
enum class WorkerDeath : std::uint8_t { fail_task, retry_task, break_pool };

/// Gets exceptions that have no future to go to, in the thread that caught them. It must not throw. Without a hook such
/// an exception is one line on stderr, and the program goes on.
using UnhandledExceptionHook = std::function<void(std::exception_ptr)>;

class Observer;  // in observer.hpp; TraceFile (trace.hpp) makes one

/// For submit(TaskOptions, f, args...).
struct TaskOptions {
    detail::OptionValue<std::string> name{};  ///< shown in messages and traces
    Priority priority = Priority::normal;  ///< higher ones start first
    Duration timeout{};                    ///< counts from the start of the task. Threads: only for f(std::stop_token, …)
    Count retries{};                       ///< how often it may run again when it fails
};

/// For map(MapOptions, f, ranges...).
struct MapOptions {
    Duration timeout{};                 ///< for the whole map, counts from the call of map()
    /// How many neighbouring items run in a row. In processes and MPI ranks, and with a buffersize, they are one task. On
    /// threads a worker claims that many at once, but at most 1024. 0: the library chooses in processes and MPI ranks;
    /// on threads, and with a buffersize, it means 1.
    Count chunksize{};
    std::optional<Count> buffersize{};  ///< how many results may be ready but not yet taken; empty: any number
};

/// For wait(futures, WaitOptions).
struct WaitOptions {
    Duration timeout{};                                  ///< counts from the call of wait()
    ReturnWhen return_when = ReturnWhen::all_completed;  ///< which end to wait for
};

/// For shutdown(ShutdownOptions).
struct ShutdownOptions {
    bool wait = true;             ///< return only after the workers have ended
    bool cancel_futures = false;  ///< cancel tasks that have not started
};

/// For ThreadPoolExecutor.
struct ThreadPoolOptions {
    Count max_workers{};                     ///< 0: available_parallelism()
    /// Threads are called prefix_0, prefix_1, …
    detail::OptionValue<std::string> thread_name_prefix{};
    detail::OptionFunction<void()> initializer{};  ///< runs first in every worker thread
    detail::OptionFunction<void()> worker_exit{};  ///< runs last in every worker thread
    Count max_pending{};                     ///< how many tasks may wait to start; 0: no bound
    QueueFull on_full = QueueFull::block;    ///< what submit does at that bound
    Duration idle_timeout{};                 ///< a worker that is idle for longer ends; empty: never
    OnDestroy on_destroy = OnDestroy::wait;  ///< what the destructor does with waiting tasks
    bool report_unobserved = false;          ///< report failures that were never looked at
    /// Gets exceptions of callbacks, posted tasks and worker_exit.
    detail::OptionFunction<void(std::exception_ptr)> on_unhandled_exception{};
    detail::OptionValue<std::shared_ptr<Observer>> observer{};  ///< is told what the pool does: observer.hpp, trace.hpp
    /// Bytes of stack for each worker, for deep recursion or large local arrays. 0: what `main` has (`ulimit -s`), up to
    /// 32 MiB, or what the system gives to threads if that is more. It is address space; memory is taken for what a
    /// task uses of it. From 128 KiB to 64 GiB (512 MiB in 32 bits).
    Count stack_size{};
    /// idle_timeout ends a worker only while there are more than these. At most max_workers. They start when there is
    /// work, or with start_workers(). 0: none is kept.
    Count base_workers{};
};

namespace detail {

/// Options come from the user, so bad ones throw.
inline void require_not_negative(const Duration& duration, const char* name) {
    if (duration && duration->count() < 0)
        throw std::invalid_argument(std::string(name) + " must not be negative, but is " + std::to_string(duration->count()) +
                                    " ns; leave it out for the default");
}

/// A number of workers beyond that of any machine's processors is a mistake. `name`: of the option.
inline void require_sane_worker_count(std::size_t count, std::size_t limit, const char* name = "max_workers") {
    if (count > limit)
        throw std::invalid_argument(std::string(name) + " = " + std::to_string(count) +
                                    " is above the limit of " + std::to_string(limit) +
                                    "; 0 takes as many as there are processors");
}

/// `max_workers`: how many there will be, above 0.
inline void require_sane_base_workers(std::size_t base, std::size_t max_workers) {
    if (base > max_workers)
        throw std::invalid_argument("base_workers = " + std::to_string(base) + " is above max_workers, which is " +
                                    std::to_string(max_workers) + "; ask for more max_workers or a smaller base");
}

}  // namespace detail
}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
