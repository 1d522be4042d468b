// SPDX-License-Identifier: MIT
//
// thread_pool_executor.hpp: runs tasks on a pool of threads.
//
//     cf::ThreadPoolExecutor pool({.max_workers = 4});
//     cf::Future<int> answer = pool.submit([](int a, int b) { return a + b; }, 40, 2);
//     answer.result();                                           // 42
//     for (int y : pool.map(square, std::vector{1, 2, 3})) …      // 1 4 9
//     pool.post(log_line, "done");                               // no future
//
// Workers start on demand; idle workers are used first. Tasks run on workers only, except with
// QueueFull::caller_runs. Tasks of one priority that one thread submits start in the order submitted.
// Waiting: a task may wait for other tasks of its pool, to any depth, even if the pool has a single worker, and pools
// may wait for each other. A worker that waits without a limit for a task that has not started runs that task itself.
// In its other waits for a task, a map, a Process, a pool, a channel or a Broadcast that another thread encodes or
// decodes, another thread, a substitute, works in place of the worker. So there may be up to 256 threads more than
// max_workers. Beyond that the pool adds threads only if all others would sleep for ever, and slowly. A substitute that
// is not needed for a second ends. When a wait is over, one task more than max_workers may run until one of them ends.
// At the bound of 256, a wait with a limit, or for any one of several tasks, may run one of these tasks itself, and
// then takes as long as that task. A thread that is blocked in anything else (a mutex, a condition variable, I/O)
// counts as working.
// When the stack of a worker is nearly full, the recursion continues on another thread.
// Threads: every member may be called from any thread, also from tasks and callbacks. The workers get the
// processors, scheduling class, niceness and signal mask that the thread which made the pool had then.
// Limits:  a task, callback or hook that ends its thread (pthread_exit(), pthread_cancel()) fails with
// BrokenPromiseError. So do tasks that wait for it on the same thread, and the items of its map that have not started.
// The worker is replaced. The program ends instead if this happens in a coroutine, in a callback that cancel() or a
// Promise runs, in a task that is run by a wait in a catch block, or with another standard library than libstdc++. A
// worker starts with the floating-point environment (rounding mode, flush-to-zero) of the thread that started it. What
// a task changes there stays: a task that calls fesetround() must restore the mode before it returns. The stack of a
// worker is as large as that of `main` (`ulimit -s`), but 32 MiB where that is unlimited; ThreadPoolOptions::stack_size
// sets it. Stop callbacks of a task whose timeout has passed run on a thread with the system's default.
// Memory:  what the submitter did before submit() happens before the task runs.
// How it works: detail/scheduling/worker_threads.hpp.
#pragma once

#include "concurrent/futures/detail/platform/requirements.hpp"

#include <concepts>
#include <cstddef>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/range_ends.hpp"
#include "concurrent/futures/detail/scheduling/optioned_call.hpp"
#include "concurrent/futures/detail/scheduling/thread_call.hpp"
#include "concurrent/futures/detail/scheduling/worker_threads.hpp"
#include "concurrent/futures/detail/task/submitter_access.hpp"
#include "concurrent/futures/errors.hpp"
#include "concurrent/futures/executor.hpp"
#include "concurrent/futures/future.hpp"
#include "concurrent/futures/observer.hpp"
#include "concurrent/futures/options.hpp"
#include "concurrent/futures/parallelism.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {
namespace detail {

/// Submits to a pool's engine and keeps the engine alive. After the pool is gone submit() throws ShutdownError.
/// Maps that fetch their input lazily keep one.
class ThreadSubmitter {
  public:
    explicit ThreadSubmitter(WorkerThreads& engine) noexcept : engine_(&engine) { engine.retain(); }
    ThreadSubmitter(const ThreadSubmitter& other) noexcept : ThreadSubmitter(*other.engine_) {}
    ThreadSubmitter& operator=(const ThreadSubmitter&) = delete;
    ~ThreadSubmitter() { engine_->release(); }

    template <class Callable, class... Args>
    auto submit(Callable&& callable, Args&&... args) const {
        return submit_at(Priority::normal, std::forward<Callable>(callable),
                         std::forward<Args>(args)...);
    }
    template <class Callable, class... Args>
    auto submit_at(Priority priority, Callable&& callable, Args&&... args) const {
        return submit_call<CallResult<Callable, Args...>, BoundCallFor<Callable, Args...>>(
            {}, priority, std::forward<Callable>(callable), std::forward<Args>(args)...);
    }
    /// `Call` is constructed in its final place.
    template <class T, class Call, class... Parts>
    Future<T> submit_call(std::string_view name, Priority priority, Parts&&... parts) const {
        auto* const call = new ThreadCall<T, Call>(*engine_, std::forward<Parts>(parts)...);
        Future<T> future = FutureAccess::adopt<T>(call);
        bool is_taken = false;
        try {
            if (WatchedCall* const watched = call->watch()) {
                if (!name.empty()) watched->set_name(name);
                watched->submitted();
            }
            is_taken = engine_->submit(*call, priority);
        } catch (...) {
            call->abandon(nullptr);
            throw;
        }
        if (!is_taken) call->run();
        return future;
    }
    /// Only tasks with options pay for them.
    template <class Callable, class... Args>
    auto submit_with(const TaskOptions& options, Callable&& callable, Args&&... args) const {
        if (!options.timeout && options.retries == 0)
            return submit_call<CallResult<Callable, Args...>, BoundCallFor<Callable, Args...>>(
                options.name, options.priority, std::forward<Callable>(callable), std::forward<Args>(args)...);
        using Call = OptionedCall<std::decay_t<Callable>, std::decay_t<Args>...>;
        return submit_call<typename Call::Result, Call>(options.name, options.priority, engine_->timer(), options,
                                                        std::forward<Callable>(callable),
                                                        std::forward<Args>(args)...);
    }
    /// One lock and one wake-up for all tasks; with max_pending they are submitted one by one.
    template <class Calls>
    auto submit_all(Calls&& calls) const {
        using Call = decltype(*range_begin(calls));
        using T = CallResult<Call>;
        std::vector<Future<T>> futures;
        if constexpr (requires { std::size(calls); }) futures.reserve(std::size(calls));
        TaskQueue tasks;
        try {
            for (auto&& callable : calls) {
                if (engine_->is_bounded()) {
                    futures.push_back(submit(forward_from<Calls>(callable)));
                    continue;
                }
                auto* const call = new ThreadCall<T, BoundCallFor<Call>>(
                    *engine_, forward_from<Calls>(callable));
                tasks.push_back(*call);  // first: the queue gives it up if the next line throws
                if (const WatchedCall* const watched = call->watch()) watched->submitted();
                futures.push_back(FutureAccess::adopt<T>(call));
            }
            engine_->submit_all(tasks);
        } catch (...) {
            while (Task* const task = tasks.try_pop()) task->abandon(nullptr);
            for (const Future<T>& future : futures) future.cancel();
            throw;
        }
        return futures;
    }
    template <class Calls>
    void post_all(Calls&& calls) const {
        TaskQueue tasks;
        try {
            for (auto&& callable : calls) {
                using Call = PostedTask<BoundCallFor<decltype(callable)>>;
                auto task = std::make_unique<Call>(*engine_, forward_from<Calls>(callable));
                if (engine_->is_bounded()) {
                    hand_over(*engine_, std::move(task));
                    continue;
                }
                if (const WatchedCall* const watched = task->watch()) watched->submitted();
                tasks.push_back(*task.release());
            }
            engine_->submit_all(tasks);
        } catch (...) {
            while (Task* const task = tasks.try_pop()) task->abandon(nullptr);
            throw;
        }
    }
    /// A posted task.
    template <class Posted>
    static void hand_over(WorkerThreads& engine, std::unique_ptr<Posted> task) {
        if (const WatchedCall* const watched = task->watch()) watched->submitted();
        bool is_taken = false;
        try {
            is_taken = engine.submit(*task, Priority::normal);
        } catch (...) {
            task.release()->abandon(nullptr);
            throw;
        }
        Posted* const taken = task.release();  // the queue has it, or run() destroys it
        if (!is_taken) taken->run();
    }
    WorkerThreads& engine() const noexcept { return *engine_; }

  private:
    /// An element of a range that is passed as `Calls&&`.
    template <class Calls, class Call>
    static decltype(auto) forward_from(Call& callable) noexcept {
        if constexpr (std::is_lvalue_reference_v<Calls>)
            return callable;
        else
            return std::move(callable);
    }

    WorkerThreads* engine_;
};

inline constexpr std::size_t most_threads_of_pool = 65'536;

/// With the defaults filled in. Throws std::invalid_argument.
CONCURRENT_FUTURES_DECL ThreadPoolOptions checked(ThreadPoolOptions options);

}  // namespace detail

class ThreadPoolExecutor : public MapOperations<ThreadPoolExecutor> {
  public:
    /// Up to available_parallelism() workers.
    ThreadPoolExecutor() : ThreadPoolExecutor(ThreadPoolOptions{}) {}
    /// 0: available_parallelism() workers. Throws std::invalid_argument for an absurd number.
    explicit ThreadPoolExecutor(Count max_workers)
        : ThreadPoolExecutor(ThreadPoolOptions{.max_workers = max_workers}) {}
    /// Starts no thread yet. Throws std::invalid_argument for options that make no sense.
    explicit ThreadPoolExecutor(ThreadPoolOptions options)
        : ThreadPoolExecutor(detail::checked(std::move(options)), nullptr) {}
    ThreadPoolExecutor(const ThreadPoolExecutor&) = delete;
    ThreadPoolExecutor& operator=(const ThreadPoolExecutor&) = delete;

    /// Calls shutdown(), or shutdown({.cancel_futures = true}) with OnDestroy::cancel_pending. In a worker of this
    /// pool, and in the stop callback of a timeout, it does not wait: the workers then end by themselves.
    CONCURRENT_FUTURES_DECL ~ThreadPoolExecutor();

    /// Runs `callable(args...)` on a worker, with copies of both, as std::thread does; std::ref(x) passes x by
    /// reference. If submit throws, nothing was queued. It throws ShutdownError, BrokenThreadPool, QueueFullError,
    /// std::bad_alloc, and what the copies throw.
    template <NotOptions<TaskOptions> Callable, class... Args>
    auto submit(Callable&& callable, Args&&... args) {
        detail::check_copied_call<Callable, Args...>();
        return submitter_.submit(std::forward<Callable>(callable), std::forward<Args>(args)...);
    }
    /// priority: higher ones start first. retries: when the task throws, it runs again with fresh copies, so callable
    /// and arguments must be copyable. timeout: counts from the start of the task, which is then asked to stop and
    /// ends with TaskTimeoutError; only for callables that take a std::stop_token. name: shown in messages.
    /// Throws std::invalid_argument for options that this task cannot honour.
    template <class Callable, class... Args>
    auto submit(const TaskOptions& options, Callable&& callable, Args&&... args) {
        detail::check_copied_call<Callable, Args...>();
        return submitter_.submit_with(options, std::forward<Callable>(callable),
                                      std::forward<Args>(args)...);
    }

    /// Like submit, but without a future, which is cheaper. What the task throws goes to on_unhandled_exception.
    template <class Callable, class... Args>
    void post(Callable&& callable, Args&&... args) {
        detail::check_copied_call<Callable, Args...>();
        auto task = std::make_unique<detail::PostedTask<detail::BoundCallFor<Callable, Args...>>>(
            engine(), std::forward<Callable>(callable), std::forward<Args>(args)...);
        detail::ThreadSubmitter::hand_over(engine(), std::move(task));
    }

    /// submit(f) for each f of a range, with one lock and one wake-up for all. Returns the futures in the order of the
    /// range. Callables of an rvalue range are moved. If submit_all throws, no task runs, except those that a pool
    /// with max_pending has started already.
    template <class Calls>
    auto submit_all(Calls&& calls) {
        check_calls<Calls>();
        return submitter_.submit_all(std::forward<Calls>(calls));
    }
    /// post(f) for each f of a range, in the same way.
    template <class Calls>
    void post_all(Calls&& calls) {
        check_calls<Calls>();
        submitter_.post_all(std::forward<Calls>(calls));
    }

    /// From now on submit throws ShutdownError. Queued tasks still run, unless they are cancelled. With `wait` it
    /// returns when all workers have ended; but in a worker of this pool, which cannot wait for itself, and in the
    /// stop callback of a timeout, for which a task may be waiting, it returns at once.
    void shutdown(const ShutdownOptions& options = {}) {
        engine().begin_shutdown(options.cancel_futures);
        if (options.wait) engine().join(detail::Deadline::never());
    }
    /// shutdown() that gives up waiting with TimeoutError. The workers still end when their tasks have ended.
    template <class Rep, class Period>
    void shutdown_for(std::chrono::duration<Rep, Period> timeout) {
        const auto deadline = detail::Deadline::after(timeout, "the timeout of ThreadPoolExecutor::shutdown_for");
        engine().begin_shutdown(false);
        if (!engine().join(deadline))
            throw TimeoutError("ThreadPoolExecutor::shutdown_for: workers are still busy; they end when their "
                               "tasks return");
    }

    /// Waits until every submitted task has ended; the pool can be used afterwards. Tasks that are submitted meanwhile,
    /// by others or by tasks, are waited for too. Throws std::system_error (resource_deadlock_would_occur) in a worker
    /// of this pool, which would wait for itself, and BrokenThreadPool in a process that the program has forked: the
    /// pool stays with the parent. A task that a submitter runs itself (QueueFull::caller_runs) is not
    /// waited for.
    void wait_idle() { static_cast<void>(engine().wait_idle(detail::Deadline::never())); }
    /// wait_idle() that gives up with TimeoutError. The tasks go on.
    template <class Rep, class Period>
    void wait_idle_for(std::chrono::duration<Rep, Period> timeout) {
        if (!engine().wait_idle(detail::Deadline::after(timeout, "the timeout of ThreadPoolExecutor::wait_idle_for")))
            throw TimeoutError("ThreadPoolExecutor::wait_idle_for: tasks still wait or run");
    }
    /// Cancels every task that has not started; their futures are cancelled when this returns. The pool goes on.
    void cancel_pending() { engine().cancel_pending(); }

    /// No task starts any more until resume(). Those that run go on, and so do loops and maps of which a part runs; a
    /// task may also start because a running one waits for it. submit() takes tasks as before, up to max_pending;
    /// wait_idle() waits for them. shutdown() and the destructor resume first. Throws ShutdownError, BrokenThreadPool.
    void pause() { engine().control().pause(); }
    /// The opposite of pause(). No effect on a pool that is not paused.
    void resume() { engine().control().resume(); }

    /// Starts all workers now, and returns when each has run its initializer: before a measurement, or so that a
    /// missing thread is noticed early. Throws BrokenThreadPool if the system gives fewer (what() says how many there
    /// are; the pool works with them), or if an initializer throws; ShutdownError; and std::system_error
    /// (resource_deadlock_would_occur) in a worker of this pool.
    void start_workers() { engine().control().start_workers(engine().is_own_thread()); }
    /// How many workers there may be from now on; 0: available_parallelism(). If there are more, those that are busy
    /// end their task, and end when they have been idle for a second. Throws std::invalid_argument for an absurd number.
    void set_max_workers(Count number) {
        detail::require_sane_worker_count(number, detail::most_threads_of_pool, "ThreadPoolExecutor::set_max_workers");
        engine().control().set_max_workers(number == 0 ? available_parallelism() : std::size_t{number});
    }
    /// Whether submit() throws BrokenThreadPool: an initializer threw, or this is a fork of the pool's process.
    bool is_broken() const { return engine().is_broken(); }
    /// Whether the calling thread is a worker of this pool. Its number: this_worker.hpp.
    bool in_worker() const noexcept { return engine().current_worker() != nullptr; }

    /// The threads and tasks of this moment; completed, failed and cancelled count from the start. The numbers are
    /// exact: it looks at every queued task, under the locks of the queues, about 10 ns for each. So do not call it in
    /// a loop while a million tasks wait.
    ExecutorStats stats() const {
        const auto now = engine().counts();
        return {now.workers,   now.idle,   now.pending,   now.running,
                now.completed, now.failed, now.cancelled, 0};
    }
    /// How many workers there may be.
    std::size_t max_workers() const noexcept { return engine().max_workers(); }

  private:
    friend MapOperations<ThreadPoolExecutor>;
    friend detail::SubmitterAccess;

    ThreadPoolExecutor(ThreadPoolOptions options, std::nullptr_t)
        : cancels_pending_(options.on_destroy == OnDestroy::cancel_pending),
          submitter_(*new detail::WorkerThreads(std::move(options))) {
        engine().release();  // the submitter holds it now
    }

    template <class Calls>
    static consteval void check_calls() {
        static_assert(detail::CallableWithCopies<decltype(*detail::range_begin(std::declval<Calls&>()))>,
                      "submit_all(calls), post_all(calls): give a range of callables without arguments, "
                      "such as std::vector<std::function<int()>>; for one function and many arguments "
                      "use map(f, range)");
    }
    detail::WorkerThreads& engine() const noexcept { return submitter_.engine(); }
    const detail::ThreadSubmitter& submitter() const noexcept { return submitter_; }

    const bool cancels_pending_;
    const detail::ThreadSubmitter submitter_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI

#if CONCURRENT_FUTURES_HEADER_ONLY
#include "concurrent/futures/impl/thread_pool_executor.hpp"
#endif
