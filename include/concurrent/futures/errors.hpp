// SPDX-License-Identifier: MIT
//
// errors.hpp: the types of all exceptions that the library itself throws.
//
//     try {
//         future.result(5s);
//     } catch (const cf::TimeoutError&) {      // this wait gave up; the task goes on
//     } catch (const cf::WorkerDiedError& e) { // e.pid(), e.signal(), e.exit_code()
//     }
//
//     std::runtime_error
//       Error
//         CancelledError        TimeoutError       InvalidStateError   BrokenPromiseError
//         ShutdownError         QueueFullError     WorkerDiedError     TaskTimeoutError
//         RemoteError           SerializationError BrokenChannelError
//         BrokenExecutor
//           BrokenThreadPool    BrokenProcessPool
//
// Bad options are std::invalid_argument. Threads: immutable values, share them freely.
#pragma once

#include "concurrent/futures/detail/platform/requirements.hpp"

#include <optional>
#include <stdexcept>
#include <string>

#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

/// Base of all errors below: `catch (const Error&)` catches what the library itself reports.
class Error : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// The task was cancelled before it started, or was stopped after request_stop().
class CancelledError : public Error {
  public:
    using Error::Error;
    /// With a standard text.
    CancelledError() : Error("the task was cancelled") {}
};

/// This wait gave up: result(duration), exception(duration), map, as_completed, shutdown_for.
/// Never an error of the task itself: the task goes on, and may be waited for again.
class TimeoutError : public Error {
  public:
    using Error::Error;
};

/// An operation on an empty future, or a second outcome for a future that already has one.
class InvalidStateError : public Error {
  public:
    using Error::Error;
};

/// A promise was destroyed before it was given a value or an exception, or a task ended its thread with pthread_exit().
class BrokenPromiseError : public Error {
  public:
    using Error::Error;
};

/// submit, post or map after shutdown. Nothing was queued.
class ShutdownError : public Error {
  public:
    using Error::Error;
};

/// `max_pending` tasks are waiting, and the pool was made with QueueFull::raise. Nothing was queued.
class QueueFullError : public Error {
  public:
    using Error::Error;
};

/// The executor can run no more tasks; what() says why.
class BrokenExecutor : public Error {
  public:
    using Error::Error;
};

/// A thread pool whose initializer threw, or whose threads cannot be started. Also a pool that a forked child uses, but that
/// belongs to its parent: submit() there, and a wait there for a task that had not ended at the fork.
class BrokenThreadPool : public BrokenExecutor {
  public:
    using BrokenExecutor::BrokenExecutor;
};

/// A process pool or a pool of MPI ranks that cannot be made or has given up; what() says why. Workers cannot be
/// started or keep dying, the initializer threw, the template process died or does not answer, the pool's own thread
/// failed, a worker died in a task with WorkerDeath::break_pool, pools are nested too deep, an MPI call failed, or the
/// ranks run different programs. Also a pool that a forked child uses, as with BrokenThreadPool.
class BrokenProcessPool : public BrokenExecutor {
  public:
    using BrokenExecutor::BrokenExecutor;
};

/// The worker process that was running this task died before it sent the result. Only this task failed, unless the pool
/// was made with WorkerDeath::break_pool, or terminate_workers() or kill_workers() was called. what() says how the
/// process died, after how long, with how much memory, its last words (an uncaught exception, a failed assert, a bad
/// address), whether the kernel was out of memory, and how to debug the task.
class WorkerDiedError : public Error {
  public:
    /// `exit_code` and `signal` are both empty when the status is unknown, for instance because other code in this
    /// program reaped the process.
    WorkerDiedError(const std::string& what, int pid, std::optional<int> exit_code,
                    std::optional<int> signal)
        : Error(what), pid_(pid), exit_code_(exit_code), signal_(signal) {}

    /// The process that died.
    int pid() const noexcept { return pid_; }
    /// The argument of exit(); empty when a signal ended the process.
    std::optional<int> exit_code() const noexcept { return exit_code_; }
    /// The signal that ended the process, such as SIGSEGV; empty when it exited.
    std::optional<int> signal() const noexcept { return signal_; }

  private:
    int pid_;
    std::optional<int> exit_code_;
    std::optional<int> signal_;
};

/// The task ran longer than its timeout, and was stopped.
class TaskTimeoutError : public Error {
  public:
    using Error::Error;
};

/// A task in another process threw an exception that cannot be rebuilt here: its type is not in the standard hierarchy
/// and was not given to register_exception<E>().
class RemoteError : public Error {
  public:
    /// what() contains all three.
    RemoteError(std::string type_name, std::string message, int pid)
        : Error(type_name + ": " + message + " (thrown in process " + std::to_string(pid) + ")"),
          type_name_(std::move(type_name)),
          message_(std::move(message)),
          pid_(pid) {}

    /// The dynamic type of the exception, as the source spells it.
    const std::string& type_name() const noexcept { return type_name_; }
    /// Its what(); empty when it was not a std::exception.
    const std::string& message() const noexcept { return message_; }
    /// The process that threw it.
    int pid() const noexcept { return pid_; }

  private:
    std::string type_name_;
    std::string message_;
    int pid_;
};

/// A function, an argument or a result could not be encoded as bytes, or decoded from them.
class SerializationError : public Error {
  public:
    using Error::Error;
};

/// Sender::send: the receiver of the channel was closed, or its process has ended.
class BrokenChannelError : public Error {
  public:
    using Error::Error;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
