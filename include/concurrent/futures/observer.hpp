// SPDX-License-Identifier: MIT
//
// observer.hpp: be told what a pool does. TraceFile (trace.hpp) is one observer; write your own for metrics or logs.
//
//     struct Slowest : cf::Observer {
//         void finished(const cf::CallEvent& call, cf::CallOutcome) override { … }   // override what you need
//     };
//     cf::ThreadPoolExecutor pool({.observer = std::make_shared<Slowest>()});
//
// The order for each task: submitted, started, finished; or submitted, cancelled. Between two attempts
// (TaskOptions::retries) come retried and another started. The observer is told before the future is done. A process
// pool tells an event when it hears of it; `time` says when it happened. An MPI pool tells a start, and
// retries, when the task has ended; then `time` is computed on the root's clock from how long the task ran.
// Threads: functions are called from many threads at once, in the thread that does the work, never under a lock of the
// library. A slow observer makes the pool slow. What a function throws goes to on_unhandled_exception. An observer must
// not submit to the pool that it observes. A pool has one observer; observers(one, other) makes one of
// several, and CONCURRENT_FUTURES_TRACE (trace.hpp) is added to what a pool has. Lifetime: the pool, and tasks that have not ended, keep the observer alive.
// Later versions may add functions and fields, so write `override`, and construct no event yourself.
#pragma once

#include "concurrent/futures/detail/platform/requirements.hpp"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

/// How a started task ended: it returned; its future has an exception; or it was stopped by force, because it ignored
/// request_stop().
enum class CallOutcome : std::uint8_t { completed, failed, cancelled };

/// A pool, as its observer sees it. References to it are valid as long as the pool has events.
struct ObservedPool {
    std::uint64_t id = 0;         ///< unique in this process
    std::string_view kind;        ///< "threads", "processes" or "ranks" (of MPI)
    std::string_view name;        ///< of thread pools: thread_name_prefix; else kind and id
    std::size_t max_workers = 0;  ///< how many workers there may be; of thread pools: when the pool was made
};

/// Something happened to a task. Views are valid until the function returns.
struct CallEvent {
    const ObservedPool& pool;
    std::uint64_t call;     ///< unique in this process
    std::string_view name;  ///< TaskOptions::name; "map" for a part of a map; mostly empty
    std::chrono::steady_clock::time_point time;
    int pid;              ///< of the worker process; 0: the calling thread
    std::size_t waiting;  ///< tasks of the pool that have not started at this moment; ranks: that were not sent yet
    std::size_t worker = 0;  ///< of ranks: WorkerEvent::number of the rank that ran it
};

/// Something happened to a worker. Views are valid until the function returns.
struct WorkerEvent {
    const ObservedPool& pool;
    std::size_t number;     ///< 0, 1, … in the order in which the pool started them; of ranks: in the order of ranks
    std::string_view name;  ///< of threads: as the system shows it, but not cut; of ranks: rank, host and process
    std::chrono::steady_clock::time_point time;
    int pid;  ///< of the worker process; 0: the calling thread
};

/// Derive from it and override what you need. By default all functions do nothing.
class Observer {
  public:
    /// Observers are shared (std::make_shared), not copied.
    Observer() = default;
    Observer(const Observer&) = delete;
    Observer& operator=(const Observer&) = delete;
    /// Runs in the thread that drops the last reference.
    virtual ~Observer() = default;

    /// The task is about to be queued. If that fails, because the pool is shut down or full, cancelled() follows.
    virtual void submitted(const CallEvent&) {}
    virtual void started(const CallEvent&) {}
    virtual void finished(const CallEvent&, CallOutcome) {}
    /// The task will not run: it was cancelled, or the pool is broken.
    virtual void cancelled(const CallEvent&) {}
    /// An attempt has failed, and TaskOptions::retries or WorkerDeath::retry_task allows another one.
    virtual void retried(const CallEvent&) {}
    /// The timeout of the task has passed. A thread is asked to stop; a process will be ended.
    virtual void timed_out(const CallEvent&) {}
    /// In the calling thread, `items` items of a map have run since `began`; the event is that of the part that ran
    /// them.
    virtual void ran_items(const CallEvent&, std::size_t /*items*/, std::chrono::steady_clock::time_point /*began*/) {}
    /// A done callback, a continuation or a coroutine runs, in the calling thread.
    virtual void callback_started(const CallEvent&) {}
    virtual void callback_finished(const CallEvent&) {}

    /// Threads: before the initializer. Processes: after it.
    virtual void worker_started(const WorkerEvent&) {}
    /// The worker ended in order: shutdown, idle_timeout, max_tasks_per_child.
    virtual void worker_ended(const WorkerEvent&) {}
    /// The process died, or the pool ended it by force. `how`: "was killed by signal 9 (SIGKILL)".
    virtual void worker_died(const WorkerEvent&, std::string_view /*how*/) {}
};

namespace detail {

/// Tells two observers. What the first one throws is thrown after the second one was told.
class ObserverPair final : public Observer {
  public:
    ObserverPair(std::shared_ptr<Observer> first, std::shared_ptr<Observer> second)
        : first_(std::move(first)), second_(std::move(second)) {}

    void submitted(const CallEvent& call) override { tell(&Observer::submitted, call); }
    void started(const CallEvent& call) override { tell(&Observer::started, call); }
    void finished(const CallEvent& call, CallOutcome outcome) override { tell(&Observer::finished, call, outcome); }
    void cancelled(const CallEvent& call) override { tell(&Observer::cancelled, call); }
    void retried(const CallEvent& call) override { tell(&Observer::retried, call); }
    void timed_out(const CallEvent& call) override { tell(&Observer::timed_out, call); }
    void ran_items(const CallEvent& call, std::size_t items, std::chrono::steady_clock::time_point began) override {
        tell(&Observer::ran_items, call, items, began);
    }
    void callback_started(const CallEvent& call) override { tell(&Observer::callback_started, call); }
    void callback_finished(const CallEvent& call) override { tell(&Observer::callback_finished, call); }
    void worker_started(const WorkerEvent& worker) override { tell(&Observer::worker_started, worker); }
    void worker_ended(const WorkerEvent& worker) override { tell(&Observer::worker_ended, worker); }
    void worker_died(const WorkerEvent& worker, std::string_view how) override {
        tell(&Observer::worker_died, worker, how);
    }

  private:
    template <class... Parameters, class... Args>
    void tell(void (Observer::*function)(Parameters...), const Args&... args) {
        std::exception_ptr error;
        try {
            (*first_.*function)(args...);
        } catch (...) {
            error = std::current_exception();
        }
        (*second_.*function)(args...);
        if (error) std::rethrow_exception(error);
    }

    const std::shared_ptr<Observer> first_, second_;
};

}  // namespace detail

/// One observer that tells all of these, in this order, for an option `observer`; null pointers are left out. What one of
/// them throws is thrown when the others have been told.
template <class... Others>
    requires(std::is_convertible_v<Others, std::shared_ptr<Observer>> && ...)
[[nodiscard]] std::shared_ptr<Observer> observers(std::shared_ptr<Observer> first, Others&&... others) {
    [[maybe_unused]] const auto add = [&](std::shared_ptr<Observer> other) {
        if (!first || !other)
            first = first ? std::move(first) : std::move(other);
        else
            first = std::make_shared<detail::ObserverPair>(std::move(first), std::move(other));
    };
    (add(std::forward<Others>(others)), ...);
    return first;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
