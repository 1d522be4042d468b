// SPDX-License-Identifier: MIT
//
// errors.hpp: every exception this library throws of its own accord.
//
//     try {
//         future.result(5s);
//     } catch (const cf::TimeoutError&) {      // this wait gave up; the call goes on
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

/// The future was cancelled before its call started.
class CancelledError : public Error {
  public:
    using Error::Error;
    /// With a text that says no more than the type.
    CancelledError() : Error("the task was cancelled") {}
};

/// This wait gave up: result(duration), exception(duration), map, as_completed, shutdown_for.
/// Never an error of the task itself; the call goes on and may be waited for again.
class TimeoutError : public Error {
  public:
    using Error::Error;
};

/// An operation on an empty future, or a second outcome for a call that already has one.
class InvalidStateError : public Error {
  public:
    using Error::Error;
};

/// A promise was destroyed before it was given a value or an exception.
class BrokenPromiseError : public Error {
  public:
    using Error::Error;
};

/// submit, post or map after shutdown. Nothing was queued.
class ShutdownError : public Error {
  public:
    using Error::Error;
};

/// `max_pending` calls are waiting and the pool was made with QueueFull::raise. Nothing was queued.
class QueueFullError : public Error {
  public:
    using Error::Error;
};

/// The executor can run nothing any more; what() says why.
class BrokenExecutor : public Error {
  public:
    using Error::Error;
};

/// A thread pool whose initializer threw, or whose threads cannot be started.
class BrokenThreadPool : public BrokenExecutor {
  public:
    using BrokenExecutor::BrokenExecutor;
};

/// A process pool whose workers cannot be started or keep dying before they are ready.
class BrokenProcessPool : public BrokenExecutor {
  public:
    using BrokenExecutor::BrokenExecutor;
};

/// The process that was running this call died before it answered. Only this call failed. what() says how it
/// died, after how long, with how much memory, what it said last (an uncaught exception, a failed assert, a
/// bad address), whether the kernel was out of memory, and how to debug the call.
class WorkerDiedError : public Error {
  public:
    /// Both `exit_code` and `signal` are empty when the status could not be learned, for instance
    /// because somebody else reaped the process.
    WorkerDiedError(const std::string& what, int pid, std::optional<int> exit_code,
                    std::optional<int> signal)
        : Error(what), pid_(pid), exit_code_(exit_code), signal_(signal) {}

    /// The process that died.
    int pid() const noexcept { return pid_; }
    /// What it gave to exit(); empty when a signal ended it.
    std::optional<int> exit_code() const noexcept { return exit_code_; }
    /// The signal that ended it, such as SIGSEGV; empty when it exited.
    std::optional<int> signal() const noexcept { return signal_; }

  private:
    int pid_;
    std::optional<int> exit_code_;
    std::optional<int> signal_;
};

/// TaskOptions::timeout passed and the call was stopped.
class TaskTimeoutError : public Error {
  public:
    using Error::Error;
};

/// A call in another process threw something that cannot be rebuilt here: a type that is not in
/// the standard hierarchy and was not given to register_exception<E>().
class RemoteError : public Error {
  public:
    /// what() is made of all three.
    RemoteError(std::string type_name, std::string message, int pid)
        : Error(type_name + ": " + message + " (thrown in process " + std::to_string(pid) + ")"),
          type_name_(std::move(type_name)),
          message_(std::move(message)),
          pid_(pid) {}

    /// The dynamic type of what was thrown, in the spelling of the source.
    const std::string& type_name() const noexcept { return type_name_; }
    /// Its what(), or empty when it was no std::exception.
    const std::string& message() const noexcept { return message_; }
    /// The process that threw it.
    int pid() const noexcept { return pid_; }

  private:
    std::string type_name_;
    std::string message_;
    int pid_;
};

/// A call, an argument or a result could not be turned into bytes or back.
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
