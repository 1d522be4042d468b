// SPDX-License-Identifier: MIT
//
// process_pool_executor.hpp: runs tasks in child processes.
//
//     int main(int argc, char** argv) {
//         cf::process_main(argc, argv);                        // first; workers do not come back from it
//         cf::ProcessPoolExecutor pool({.max_workers = 4});
//         cf::Future<Image> small = pool.submit(resize, image, 320, 240);
//         try { small.result(); } catch (const cf::WorkerDiedError& e) { … }   // the others go on
//     }
//
// A function, its arguments and its result cross as bytes (serialization.hpp), so a task works on copies. These can be
// submitted: functions, captureless lambdas, serializable functors, submit<&Class::member>(…).
// A task that crashes its worker fails alone, with WorkerDiedError, and the worker is replaced. A task that runs too
// long, or ignores a request to stop, is ended together with its worker. Workers print directly to where the program
// prints. The error of a task says why its worker died.
// Environment: with CONCURRENT_FUTURES_INLINE=1, for debugging, tasks run inside submit(), without workers and time
// limits. Spawned workers get the environment as it was when the pool was made. The constructor copies it, so no other
// thread may change it (setenv) meanwhile; afterwards any thread may.
// Signals: in workers SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 and the real-time signals do nothing, and SIGTERM ends
// a worker only when the pool sends it. For a terminal or a service manager signals all processes at once, and the
// program decides what that means. Workers ignore what the program ignores, except SIGCHLD; they do not have the
// program's handlers. A sleeping system call of a task may end early (EINTR). To end workers: terminate_workers(), or
// SIGKILL.
// Rights: a worker never has more rights than this process. Give up rights before you make the pool: workers that run
// already keep theirs, and a forked pool then starts no more. A program whose file gives it rights (set-user-ID,
// set-group-ID, capabilities) ignores CONCURRENT_FUTURES_*. See SECURITY.md.
// Threads: every member may be called from any thread. Callbacks run on the pool's manager thread. While a callback
// runs, this pool starts and ends no other task, not even one whose time is up, so give long work to an executor:
// future.then(executor, f). If it waits for something of this library other than a channel's end, the pool goes on
// meanwhile, but more slowly. A result is decoded on the manager thread, or in the thread that waits for it. Stop
// callbacks of a task run in its worker, on a thread of their own, and delay only that task. One that throws ends the
// worker.
// Memory: workers share nothing with the program but what crosses.
// Limits: a task or hook that ends the worker's main thread (pthread_exit(), or cancelled) ends the worker, and the
// error says so; a callback that does so ends the program. A forked worker starts with the floating-point
// environment (rounding mode, flush-to-zero) of the thread that made the pool, a spawned one with the system's; both
// keep what a task leaves behind. Under valgrind: see docs/surroundings.md, "Under valgrind".
// How it works: detail/processes/process_manager.hpp.
#pragma once

#include "concurrent/futures/detail/platform/process_requirements.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

// First, so that few lines "included from" stand above the message for a type that cannot cross.
#include "concurrent/futures/serialization.hpp"
#include "concurrent/futures/bind_task.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/processes/process_call.hpp"
#include "concurrent/futures/detail/processes/process_engine.hpp"
#include "concurrent/futures/detail/task/submitter_access.hpp"
#include "concurrent/futures/detail/wire/remote_call.hpp"
#include "concurrent/futures/errors.hpp"
#include "concurrent/futures/executor.hpp"
#include "concurrent/futures/future.hpp"
#include "concurrent/futures/observer.hpp"
#include "concurrent/futures/options.hpp"
#include "concurrent/futures/parallelism.hpp"
#include "concurrent/futures/process_main.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

/// For ProcessPoolExecutor.
struct ProcessPoolOptions {
    /// 0: available_parallelism(), but in a worker of another pool not more than is left of that worker's share: below
    /// a pool of the program there may be 1024 processes in all, or 128 per processor if that is more.
    Count max_workers{};
    /// spawn starts this program again and needs process_main(). fork needs a process without other threads. automatic
    /// is spawn if process_main() has run, otherwise fork.
    /// A spawned worker gets the environment as it is when the pool is made. In an MPI rank the launcher's variables
    /// (OMPI_COMM_WORLD_RANK, PMIX_*, PMI_*, SLURM_STEP*) are left out, because a worker is no rank.
    /// Standard streams are flushed before a fork, and when a worker ends. Flush a std::ofstream yourself.
    StartMethod start_method = StartMethod::automatic;
    detail::OptionValue<BoundTask> initializer{};  ///< runs first in every worker; bind_task(f, args...)
    detail::OptionValue<BoundTask> worker_exit{};  ///< runs last in every worker that is not killed
    Count max_tasks_per_child{};                   ///< a worker is replaced after this many tasks; 0: never
    WorkerDeath on_worker_death = WorkerDeath::fail_task;  ///< retry_task tries three times in all
    /// For tasks without a TaskOptions::timeout. Counts from the start of the task in the worker, without time in which
    /// this process was stopped. When it is over, the worker gets SIGTERM, and SIGKILL stop_grace later; the task ends
    /// with TaskTimeoutError, and the worker is replaced. The initializer and worker_exit have the same limit. A worker
    /// whose initializer takes longer has failed to start; so has one that does not reach process_main() within this
    /// time or a minute, whichever is longer. Three such failures in a row break the pool.
    Duration task_timeout{};
    /// How long a task may take to end by itself after SIGTERM, and after Future::request_stop(); empty: 5 s.
    Duration stop_grace{};
    /// For the heap and private mappings of a worker; with fork those that it inherits count as well. Beyond the limit
    /// new throws std::bad_alloc. 0: no limit. With mimalloc preloaded, whose operator new cannot throw, the worker is
    /// aborted instead.
    std::size_t max_memory_bytes = 0;
    Count max_pending{};                   ///< how many tasks may wait to be sent; 0: no bound
    QueueFull on_full = QueueFull::block;  ///< what submit does at that bound
    Duration idle_timeout{};               ///< a worker that is idle for longer ends; empty: never
    OnDestroy on_destroy = OnDestroy::wait;  ///< what the destructor does with waiting tasks
    bool report_unobserved = false;          ///< report failures that were never looked at
    /// Gets exceptions of callbacks and posted tasks, failures that report_unobserved reports, and a TaskTimeoutError for a
    /// worker_exit that took longer than task_timeout.
    detail::OptionFunction<void(std::exception_ptr)> on_unhandled_exception{};
    detail::OptionValue<std::shared_ptr<Observer>> observer{};  ///< is told what the pool does: observer.hpp, trace.hpp
    /// idle_timeout ends a worker only while there are more than these. At most max_workers. They start when there is
    /// work, or with start_workers(). 0: none is kept.
    Count base_workers{};
};

namespace detail {

/// Items of a map that travel together. The callable inside says how to cross.
template <class Callable>
struct CallableCodec<MapChunk<Callable>> {
    static consteval void validate() { CallableCodec<Callable>::validate(); }
    static void encode(Encoder& encoder, const MapChunk<Callable>& chunk) {
        CallableCodec<Callable>::encode(encoder, chunk.callable);
    }
    static MapChunk<Callable> decode(Decoder& decoder) {
        return {CallableCodec<Callable>::decode(decoder)};
    }
};

/// Submits to a pool's engine and keeps it alive, for maps that fetch their input lazily.
class ProcessSubmitter {
  public:
    explicit ProcessSubmitter(std::shared_ptr<ProcessEngine> engine) noexcept
        : engine_(std::move(engine)),
          call_store_(engine_->call_store()),
          default_limits_{engine_->settings().default_timeout(), 0} {}

    /// How many workers run at one time, for a map.
    CONCURRENT_FUTURES_DECL static std::size_t at_once(std::size_t workers) noexcept;

    template <class Callable, class... Args>
    auto submit(const Callable& callable, const Args&... args) const {
        return submit_as({}, Priority::normal, default_limits_, callable, args...);
    }
    template <class Callable, class... Args>
    auto submit_as(std::string name, Priority priority, const TaskLimits& limits,
                   const Callable& callable, const Args&... args) const {
        check_remote_call<const Callable&, const Args&...>();
        using Remote = RemoteCallFor<const Callable&, const Args&...>;
        using T = std::remove_cv_t<typename Remote::Result>;
        CallRoom room;
        Encoder encoder(call_store_, room.bytes);
        Remote::encode(encoder, callable, args...);
        auto* const call = BlockWithBytes<ProcessCall<T>>::make(
            std::move(encoder).take(), engine_,
            name.empty() ? nullptr : std::make_unique<const std::string>(std::move(name)));
        call->limits = limits;
        call->shown.library_name = library_name<Callable>();
        Future<T> future = FutureAccess::adopt<T>(call);
        try {
            engine_->submit(*call, priority);
        } catch (...) {
            call->release();
            throw;
        }
        return future;
    }
    template <class Callable, class... Args>
    void post(const Callable& callable, const Args&... args) const {
        check_remote_call<const Callable&, const Args&...>();
        CallRoom room;
        Encoder encoder(call_store_, room.bytes);
        RemoteCallFor<const Callable&, const Args&...>::encode(encoder, callable, args...);
        auto* const call = BlockWithBytes<PostedProcessCall>::make(std::move(encoder).take(), engine_);
        call->limits = default_limits_;
        try {
            engine_->submit(*call, Priority::normal);
        } catch (...) {
            call->release();
            throw;
        }
    }
    const TaskLimits& default_limits() const noexcept { return default_limits_; }
    ProcessEngine& engine() const noexcept { return *engine_; }
    const std::shared_ptr<ProcessEngine>& shared_engine() const noexcept { return engine_; }

  private:
    std::shared_ptr<ProcessEngine> engine_;
    ByteStore* call_store_;  // the engine's, where large arguments are encoded; null: in the heap
    TaskLimits default_limits_;
};

}  // namespace detail

class ProcessPoolExecutor : public MapOperations<ProcessPoolExecutor> {
  public:
    /// Up to available_parallelism() workers.
    ProcessPoolExecutor() : ProcessPoolExecutor(ProcessPoolOptions{}) {}
    /// 0: available_parallelism() workers. Throws as below.
    explicit ProcessPoolExecutor(Count max_workers)
        : ProcessPoolExecutor(ProcessPoolOptions{.max_workers = max_workers}) {}
    /// Workers start when there is work. Throws std::invalid_argument for options that make no sense, BrokenProcessPool
    /// when this process cannot start workers (the text says what to add), and std::system_error.
    CONCURRENT_FUTURES_DECL explicit ProcessPoolExecutor(const ProcessPoolOptions& options);
    ProcessPoolExecutor(const ProcessPoolExecutor&) = delete;
    ProcessPoolExecutor& operator=(const ProcessPoolExecutor&) = delete;

    /// Calls shutdown(), or shutdown({.cancel_futures = true}) with OnDestroy::cancel_pending.
    CONCURRENT_FUTURES_DECL ~ProcessPoolExecutor();

    /// Runs `callable(args...)` in a worker. Encodes both before it returns, and keeps no reference to them. If submit
    /// throws, nothing was queued. It throws SerializationError or what a codec throws, ShutdownError,
    /// BrokenProcessPool and QueueFullError.
    template <NotOptions<TaskOptions> Callable, class... Args>
    auto submit(const Callable& callable, const Args&... args) {
        detail::check_remote_call<const Callable&, const Args&...>();
        return submitter_.submit(callable, args...);
    }
    /// The timeout counts from the start in the worker; see ProcessPoolOptions::task_timeout. A task that throws, times
    /// out or loses its worker runs again, from the same bytes, up to `retries` times.
    template <class Callable, class... Args>
    auto submit(const TaskOptions& options, const Callable& callable, const Args&... args) {
        detail::check_remote_call<const Callable&, const Args&...>();
        detail::require_not_negative(options.timeout, "TaskOptions::timeout");
        detail::TaskLimits limits = submitter_.default_limits();
        if (options.timeout) limits.timeout = options.timeout->count();
        limits.retries = options.retries;
        return submitter_.submit_as(options.name, options.priority, limits, callable, args...);
    }
    /// For member functions and overloads: submit<&Model::fit>(model, data).
    template <auto function, class... Args>
    auto submit(const Args&... args) {
        return submitter_.submit(detail::StaticFunction<function>(), args...);
    }

    /// Like submit, but without a future. What the task throws, and the death of its worker, go to
    /// on_unhandled_exception.
    template <class Callable, class... Args>
    void post(const Callable& callable, const Args&... args) {
        detail::check_remote_call<const Callable&, const Args&...>();
        submitter_.post(callable, args...);
    }

    /// From now on submit throws ShutdownError. Queued tasks still run, unless they are cancelled. With `wait` it
    /// returns when all workers have ended; but in a callback of this pool, for which they wait, it returns at once.
    void shutdown(const ShutdownOptions& options = {}) {
        engine().begin_shutdown(options.cancel_futures);
        if (options.wait) engine().join(detail::Deadline::never());
    }
    /// shutdown() that gives up waiting with TimeoutError. The workers still end when their tasks have ended.
    template <class Rep, class Period>
    void shutdown_for(std::chrono::duration<Rep, Period> timeout) {
        const auto deadline = detail::Deadline::after(timeout, "the timeout of ProcessPoolExecutor::shutdown_for");
        engine().begin_shutdown(false);
        if (!engine().join(deadline))
            throw TimeoutError("ProcessPoolExecutor::shutdown_for: workers are still busy; they end when their "
                               "tasks return, or with kill_workers()");
    }

    /// Waits until every submitted task has ended; the pool can be used afterwards. Tasks that are submitted meanwhile,
    /// by others or by tasks, are waited for too. Throws std::system_error (resource_deadlock_would_occur) in a
    /// callback of this pool, which would wait for itself, and BrokenProcessPool in a process that the program has
    /// forked: the pool stays with the parent.
    void wait_idle() { static_cast<void>(engine().wait_idle(detail::Deadline::never())); }
    /// wait_idle() that gives up with TimeoutError. The tasks go on.
    template <class Rep, class Period>
    void wait_idle_for(std::chrono::duration<Rep, Period> timeout) {
        if (!engine().wait_idle(detail::Deadline::after(timeout, "the timeout of ProcessPoolExecutor::wait_idle_for")))
            throw TimeoutError("ProcessPoolExecutor::wait_idle_for: tasks still wait or run");
    }
    /// Cancels every task that has not started; their futures are cancelled when this returns. The pool goes on.
    void cancel_pending() { engine().cancel_pending(); }

    /// No task starts any more until resume(). Those that run go on. What was sent to a worker and has not started goes
    /// back to the queue. submit() takes tasks as before, up to max_pending; wait_idle() waits for them. shutdown() and
    /// the destructor resume first. Throws ShutdownError, BrokenProcessPool.
    void pause() {
        engine().throw_if_forked();
        engine().pause();
    }
    /// The opposite of pause(). No effect on a pool that is not paused.
    void resume() {
        engine().throw_if_forked();
        engine().resume();
    }

    /// Starts all workers now, and returns when each has run its initializer: before a measurement, or so that a missing
    /// process is noticed early. Throws BrokenProcessPool if the system gives fewer (what() says how many there are; the
    /// pool works with them) or if the pool breaks, ShutdownError, and std::system_error (resource_deadlock_would_occur)
    /// in a callback of this pool.
    void start_workers() {
        engine().throw_if_forked();
        engine().start_workers();
    }
    /// Whether submit() throws BrokenProcessPool: workers could not be started, or this is a fork of the pool's process.
    bool is_broken() const { return engine().in_forked_child() || engine().is_broken(); }

    /// Shuts down without waiting, cancels tasks that have not started, and sends SIGTERM to the workers. Running tasks
    /// fail with WorkerDiedError.
    void terminate_workers() { engine().end_workers(SIGTERM); }
    /// The same with SIGKILL.
    void kill_workers() { engine().end_workers(SIGKILL); }
    /// The workers that are alive now, each that has run a task among them.
    std::vector<int> worker_pids() const { return engine().worker_pids(); }

    /// The processes and tasks of this moment; completed, failed and cancelled count from the start.
    ExecutorStats stats() const {
        const auto now = engine().counts();
        return {now.workers,   now.idle,   now.pending,   now.running,
                now.completed, now.failed, now.cancelled, now.restarts};
    }
    /// How many workers there may be.
    std::size_t max_workers() const noexcept { return engine().settings().max_workers; }

  private:
    friend MapOperations<ProcessPoolExecutor>;
    friend detail::SubmitterAccess;

    /// For map(), before anything else is made of the call: what is wrong then stands first.
    template <class Callable, class... Args>
    static consteval void check_call_of_map() {
        detail::check_remote_call<const Callable&, const Args&...>();
    }
    detail::ProcessEngine& engine() const noexcept { return submitter_.engine(); }
    const detail::ProcessSubmitter& submitter() const noexcept { return submitter_; }

    const bool cancels_pending_;
    const detail::ProcessSubmitter submitter_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI

#if CONCURRENT_FUTURES_HEADER_ONLY
#include "concurrent/futures/impl/process_pool_executor.hpp"
#endif
