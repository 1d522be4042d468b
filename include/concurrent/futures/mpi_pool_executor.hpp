// SPDX-License-Identifier: MIT
//
// mpi_pool_executor.hpp: runs tasks on many machines, by MPI. CMake target concurrent::futures_mpi.
//
//     int main(int argc, char** argv) {                       // mpirun -n 64 program
//         cf::mpi_main(argc, argv);                           // first; ranks 1… run tasks and do not return from it
//         cf::MPIPoolExecutor pool;                           // rank 0 only
//         for (double energy : pool.map(relax, molecules)) …
//     }
//     cf::mpi_comm_executor(comm, 0, [](cf::MPIPoolExecutor& pool) { … });   // in a program that is SPMD already
//
// The same functions and values cross as with a ProcessPoolExecutor (serialization.hpp). A rank runs one task at a
// time, for all pools together. With more workers than ranks, ranks run tasks on threads as well. In a job of one
// rank, tasks run in this process, on a thread. Exceptions keep their type and text; nested in them, as the innermost
// one, is an Error that names rank, host and process.
// What MPI cannot do is refused: a timeout, request_stop() of a running task that takes no std::stop_token, a
// SharedArray. A rank that dies ends the whole job: MPI knows no other way. A rank that crashes first writes which task it
// was running.
// Needs MPI_THREAD_MULTIPLE: the pool calls MPI from its own threads, on a communicator of its own. So the program may
// use MPI as well, also in tasks.
// While idle, neither side takes more than 1 % of a core. Ranks on the root's node share memory with it and are woken at
// once. A rank of another node looks for messages: a task for it starts up to 1 ms later, or 4 ms if it has slept for 0.4 s.
// Threads: every member may be called from any thread. Callbacks run on the engine thread, so a slow callback delays
// the results of other tasks. A callback that waits for a future goes on with the pool's work meanwhile; one that waits for
// the other end of a channel, or for a Broadcast that another thread decodes, does not: it must not need this pool.
// How it works: detail/mpi/mpi_hub.hpp (root), detail/mpi/rank_loop.hpp (other ranks).
#pragma once

#include <cstddef>
#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "concurrent/futures/bind_task.hpp"
#include "concurrent/futures/detail/mpi/mpi_call.hpp"
#include "concurrent/futures/detail/mpi/mpi_hub.hpp"
#include "concurrent/futures/detail/mpi/mpi_start.hpp"
#include "concurrent/futures/detail/task/submitter_access.hpp"
#include "concurrent/futures/detail/wire/common_options.hpp"
#include "concurrent/futures/errors.hpp"
#include "concurrent/futures/executor.hpp"
#include "concurrent/futures/future.hpp"
#include "concurrent/futures/options.hpp"
#include "concurrent/futures/process_pool_executor.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

/// The first line of main in a program with MPIPoolExecutor. Initializes MPI if that has not been done. On rank 0 it
/// returns. On the other ranks it runs tasks until rank 0 ends, and then leaves the program. Called again, it does
/// nothing. Throws on every rank: BrokenProcessPool when the ranks run different builds,
/// std::invalid_argument when MPI was initialized with a thread level below MPI_THREAD_MULTIPLE.
inline void mpi_main(int& argc, char**& argv) { detail::start_mpi_program(argc, argv); }

/// For MPIPoolExecutor.
struct MPIPoolOptions {
    /// 0: one for each rank except the root. With more, ranks run several tasks at once, on threads.
    Count max_workers{};
    detail::OptionValue<BoundTask> initializer{};  ///< runs first in every worker; bind_task(f, args...)
    detail::OptionValue<BoundTask> worker_exit{};  ///< runs last in every worker
    Count max_pending{};                     ///< how many tasks may wait to be sent; 0: no bound
    QueueFull on_full = QueueFull::block;    ///< what submit does at that bound
    OnDestroy on_destroy = OnDestroy::wait;  ///< what the destructor does with waiting tasks
    bool report_unobserved = false;          ///< report failures that were never looked at
    /// Gets exceptions of callbacks and posted tasks.
    detail::OptionFunction<void(std::exception_ptr)> on_unhandled_exception{};
    detail::OptionValue<std::shared_ptr<Observer>> observer{};  ///< is told what happens: observer.hpp, trace.hpp
    /// Not 0: the pool starts so many ranks with MPI_Comm_spawn, which end with it, and uses no others. They run the same
    /// program with the same arguments and one more. Needs mpi_main(). BrokenProcessPool if MPI cannot start them.
    Count spawn{};
};

namespace detail {

/// Submits to a pool and keeps it alive, for maps that fetch their input lazily.
class MpiSubmitter {
  public:
    explicit MpiSubmitter(std::shared_ptr<MpiPool> pool) noexcept : pool_(std::move(pool)) {}

    /// How many ranks run at one time, for a map: they may be on other machines.
    static std::size_t at_once(std::size_t ranks) noexcept { return ranks; }

    template <class Callable, class... Args>
    auto submit(const Callable& callable, const Args&... args) const {
        return submit_as({}, Priority::normal, 0, callable, args...);
    }
    template <class Callable, class... Args>
    auto submit_as(std::string name, Priority priority, std::size_t retries, const Callable& callable,
                   const Args&... args) const {
        check_remote_call<const Callable&, const Args&...>();
        using Call = RemoteCallFor<const Callable&, const Args&...>;
        using T = std::remove_cv_t<typename Call::Result>;
        CallRoom room;
        ByteBuffer bytes = encode_call_into(ByteBuffer(pool_->hub().call_store(), room.bytes), callable, args...);
        if (!bytes.regions.all().empty()) require_sendable(bytes);
        auto* const call = BlockWithBytes<MpiCall<T>>::make(
            std::move(bytes), pool_, name.empty() ? nullptr : std::make_unique<const std::string>(std::move(name)));
        call->limits.retries = retries;
        call->takes_stop_token = remote_call_takes_stop_token<Call>;
        Future<T> future = FutureAccess::adopt<T>(call);
        try {
            pool_->hub().submit(*pool_, *call, priority);
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
        ByteBuffer bytes = encode_call_into(ByteBuffer(pool_->hub().call_store(), room.bytes), callable, args...);
        if (!bytes.regions.all().empty()) require_sendable(bytes);
        auto* const call = BlockWithBytes<PostedMpiCall>::make(std::move(bytes), pool_);
        try {
            pool_->hub().submit(*pool_, *call, Priority::normal);
        } catch (...) {
            call->release();
            throw;
        }
    }
    MpiPool& pool() const noexcept { return *pool_; }
    const std::shared_ptr<MpiPool>& shared_pool() const noexcept { return pool_; }

  private:
    std::shared_ptr<MpiPool> pool_;
};

template <>
inline constexpr bool leaves_the_process<MpiSubmitter> = true;

/// `spawned`: the ranks for it alone; or null.
inline std::shared_ptr<MpiPool> make_mpi_pool(const MPIPoolOptions& options, const SpawnedRanks* spawned) {
    require_sane_worker_count(options.max_workers, 65'536);
    const std::shared_ptr<MpiHub> hub = spawned ? spawned->hub() : require_mpi_hub();
    auto settings = settings_from<MpiSettings>(options);
    settings.max_workers = options.max_workers != 0 ? std::size_t{options.max_workers} : hub->rank_count();
    auto pool = std::make_shared<MpiPool>(hub, hub->lock_rule(), std::move(settings));
    pool->hub().add(pool);
    return pool;
}

}  // namespace detail

/// An executor whose workers are the ranks of an MPI job.
class MPIPoolExecutor : public MapOperations<MPIPoolExecutor> {
  public:
    /// One worker for each rank except the root.
    MPIPoolExecutor() : MPIPoolExecutor(MPIPoolOptions{}) {}
    /// Throws BrokenProcessPool if mpi_main() has not run here or this is a worker, or if MPI cannot start ranks that
    /// `spawn` asks for; std::invalid_argument for options that make no sense. Nothing is sent before there is work.
    explicit MPIPoolExecutor(const MPIPoolOptions& options)
        : cancels_pending_(options.on_destroy == OnDestroy::cancel_pending),
          spawned_(options.spawn != 0 ? detail::spawn_ranks(options.spawn) : nullptr),
          submitter_(detail::make_mpi_pool(options, spawned_.get())) {}
    MPIPoolExecutor(const MPIPoolExecutor&) = delete;
    MPIPoolExecutor& operator=(const MPIPoolExecutor&) = delete;
    /// Calls shutdown(), or shutdown({.cancel_futures = true}) with OnDestroy::cancel_pending.
    ~MPIPoolExecutor() {
        hub().begin_shutdown(pool(), cancels_pending_);
        hub().join(pool(), detail::Deadline::never());
    }

    /// Runs `callable(args...)` in a worker. Encodes both before it returns, and keeps no reference to them. If submit
    /// throws, nothing was queued. It throws SerializationError or what a codec throws, ShutdownError,
    /// BrokenProcessPool, QueueFullError, and std::invalid_argument for a SharedArray.
    template <NotOptions<TaskOptions> Callable, class... Args>
    auto submit(const Callable& callable, const Args&... args) {
        detail::check_remote_call<const Callable&, const Args&...>();
        return submitter_.submit(callable, args...);
    }
    /// A task that throws runs again, up to `retries` times. Throws std::invalid_argument for a timeout: MPI cannot
    /// end a task by force.
    template <class Callable, class... Args>
    auto submit(const TaskOptions& options, const Callable& callable, const Args&... args) {
        if (options.timeout)
            throw std::invalid_argument(
                "MPIPoolExecutor: TaskOptions::timeout is not supported, because MPI cannot end a task by force: a "
                "rank that is killed ends the whole job; leave it out, or give the callable a std::stop_token and call "
                "Future::request_stop()");
        return submitter_.submit_as(options.name, options.priority, options.retries, callable, args...);
    }
    /// For member functions and overloads: submit<&Model::fit>(model, data).
    template <auto function, class... Args>
    auto submit(const Args&... args) {
        return submitter_.submit(detail::StaticFunction<function>(), args...);
    }
    /// Like submit, but without a future. What the task throws goes to on_unhandled_exception.
    template <class Callable, class... Args>
    void post(const Callable& callable, const Args&... args) {
        detail::check_remote_call<const Callable&, const Args&...>();
        submitter_.post(callable, args...);
    }

    /// From now on submit throws ShutdownError. Queued tasks still run, unless they are cancelled. With `wait` it
    /// returns when worker_exit has run everywhere; but in a callback of this pool it returns at once. The ranks stay,
    /// for other pools.
    void shutdown(const ShutdownOptions& options = {}) {
        hub().begin_shutdown(pool(), options.cancel_futures);
        if (options.wait) hub().join(pool(), detail::Deadline::never());
    }
    /// shutdown() that gives up waiting with TimeoutError.
    template <class Rep, class Period>
    void shutdown_for(std::chrono::duration<Rep, Period> timeout) {
        const auto deadline = detail::Deadline::after(timeout, "the timeout of MPIPoolExecutor::shutdown_for");
        hub().begin_shutdown(pool(), false);
        if (!hub().join(pool(), deadline))
            throw TimeoutError("MPIPoolExecutor::shutdown_for: workers are still busy; they end when their "
                               "tasks return");
    }

    /// Waits until every submitted task has ended; the pool can be used afterwards. Tasks that are submitted meanwhile,
    /// by others or by tasks, are waited for too. Throws std::system_error (resource_deadlock_would_occur) in a
    /// callback of this pool, which would wait for itself.
    void wait_idle() { static_cast<void>(hub().wait_idle(pool(), detail::Deadline::never())); }
    /// wait_idle() that gives up with TimeoutError. The tasks go on.
    template <class Rep, class Period>
    void wait_idle_for(std::chrono::duration<Rep, Period> timeout) {
        if (!hub().wait_idle(pool(), detail::Deadline::after(timeout, "the timeout of MPIPoolExecutor::wait_idle_for")))
            throw TimeoutError("MPIPoolExecutor::wait_idle_for: tasks still wait or run");
    }
    /// Cancels every task that has not started; their futures are cancelled when this returns. The pool goes on.
    void cancel_pending() { hub().begin_shutdown(pool(), true, false); }

    /// The workers and tasks of this moment; completed, failed and cancelled count from the start. A worker counts from
    /// its first task on; the first of the tasks that were sent to a worker counts as running.
    ExecutorStats stats() const {
        const auto now = hub().counts(pool());
        return {now.workers, now.idle, now.pending, now.running, now.completed, now.failed, now.cancelled, 0};
    }
    /// How many workers there are.
    std::size_t max_workers() const noexcept { return pool().settings().max_workers; }

  private:
    friend MapOperations<MPIPoolExecutor>;
    friend detail::SubmitterAccess;

    /// For map(), before anything else is made of the call: what is wrong then stands first.
    template <class Callable, class... Args>
    static consteval void check_call_of_map() {
        detail::check_remote_call<const Callable&, const Args&...>();
    }
    detail::MpiPool& pool() const noexcept { return submitter_.pool(); }
    detail::MpiHub& hub() const noexcept { return pool().hub(); }
    const detail::MpiSubmitter& submitter() const noexcept { return submitter_; }

    const bool cancels_pending_;
    const std::shared_ptr<detail::SpawnedRanks> spawned_;  // ends when the pool has; null: ranks of the launcher
    const detail::MpiSubmitter submitter_;
};

/// Collective over `comm`: `f(pool)` runs on `root`; the other ranks run its tasks until it returns. What f throws
/// leaves this function on the root; the other ranks get a BrokenExecutor with its text. Throws on every rank what
/// mpi_main() throws.
template <class F>
void mpi_comm_executor(MPI_Comm comm, int root, F&& f) {
    detail::CommService service(comm, root);
    if (!service.is_root()) return service.serve();
    try {
        MPIPoolExecutor pool;
        std::forward<F>(f)(pool);
    } catch (const std::exception& error) {
        service.fail(error.what());
        throw;
    } catch (...) {
        service.fail("something that is no std::exception");
        throw;
    }
    service.end();
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
