// SPDX-License-Identifier: MIT
//
// futures.cppm: the library as a C++20 module, for compilers that have them (clang 16 or later).
//
//     import concurrent.futures;
//     namespace cf = concurrent::futures;
//     cf::ThreadPoolExecutor pool;
//
// It exports what futures.hpp, trace.hpp, progress.hpp and hang_report.hpp declare. Headers over other libraries
// (mpi_pool_executor.hpp, asio.hpp, execution.hpp, serialization/cereal.hpp) are included as usual, next to the import.
// Macros do not cross an import: for CONCURRENT_FUTURES_VERSION include version.hpp. Include standard headers before the
// import: after it some compilers see their declarations twice.
module;

#include <concurrent/futures.hpp>
#include <concurrent/futures/hang_report.hpp>
#include <concurrent/futures/progress.hpp>
#include <concurrent/futures/trace.hpp>

export module concurrent.futures;

export namespace concurrent::futures {

// ---- executors ----
using concurrent::futures::AnyExecutor;
using concurrent::futures::default_pool;
using concurrent::futures::Executor;
using concurrent::futures::ExecutorStats;
using concurrent::futures::InlineExecutor;
using concurrent::futures::MapOperations;
using concurrent::futures::NotOptions;
using concurrent::futures::ProcessPoolExecutor;
using concurrent::futures::ThreadPoolExecutor;

// ---- options ----
using concurrent::futures::Count;
using concurrent::futures::Duration;
using concurrent::futures::MapOptions;
using concurrent::futures::OnDestroy;
using concurrent::futures::Priority;
using concurrent::futures::ProcessOptions;
using concurrent::futures::ProcessPoolOptions;
using concurrent::futures::QueueFull;
using concurrent::futures::ReturnWhen;
using concurrent::futures::ShutdownOptions;
using concurrent::futures::StartMethod;
using concurrent::futures::TaskOptions;
using concurrent::futures::ThreadPoolOptions;
using concurrent::futures::UnhandledExceptionHook;
using concurrent::futures::WaitOptions;
using concurrent::futures::WorkerDeath;
using concurrent::futures::WorkerLimits;

// ---- futures ----
using concurrent::futures::after;
using concurrent::futures::as_completed;
using concurrent::futures::AsCompleted;
using concurrent::futures::Future;
using concurrent::futures::MapResults;
using concurrent::futures::or_else;
using concurrent::futures::Promise;
using concurrent::futures::resume_on;
using concurrent::futures::submit_after;
using concurrent::futures::submit_every;
using concurrent::futures::wait;
using concurrent::futures::WaitResult;
using concurrent::futures::when_all;
using concurrent::futures::when_any;
using concurrent::futures::when_done;
using concurrent::futures::WhenAnyResult;
using concurrent::futures::with_timeout;
using concurrent::futures::operator co_await;

// ---- workers ----
namespace this_worker {
using concurrent::futures::this_worker::index;
}

// ---- loops ----
using concurrent::futures::all_of;
using concurrent::futures::any_of;
using concurrent::futures::exclusive_scan;
using concurrent::futures::find_if;
using concurrent::futures::for_each;
using concurrent::futures::for_each_index;
using concurrent::futures::for_each_index_2d;
using concurrent::futures::inclusive_scan;
using concurrent::futures::none_of;
using concurrent::futures::parallel_invoke;
using concurrent::futures::reduce;
using concurrent::futures::sort;
using concurrent::futures::transform;
using concurrent::futures::transform_reduce;

// ---- processes ----
using concurrent::futures::available_parallelism;
using concurrent::futures::bind_task;
using concurrent::futures::BoundTask;
using concurrent::futures::broadcast;
using concurrent::futures::Broadcast;
using concurrent::futures::Codec;
using concurrent::futures::Decoder;
using concurrent::futures::Encoder;
using concurrent::futures::make_channel;
using concurrent::futures::Process;
using concurrent::futures::process_main;
using concurrent::futures::Receiver;
using concurrent::futures::register_exception;
using concurrent::futures::Sender;
using concurrent::futures::Serializable;
using concurrent::futures::SharedArray;

// ---- errors ----
using concurrent::futures::BrokenChannelError;
using concurrent::futures::BrokenExecutor;
using concurrent::futures::BrokenProcessPool;
using concurrent::futures::BrokenPromiseError;
using concurrent::futures::BrokenThreadPool;
using concurrent::futures::CancelledError;
using concurrent::futures::Error;
using concurrent::futures::InvalidStateError;
using concurrent::futures::QueueFullError;
using concurrent::futures::RemoteError;
using concurrent::futures::SerializationError;
using concurrent::futures::ShutdownError;
using concurrent::futures::TaskTimeoutError;
using concurrent::futures::TimeoutError;
using concurrent::futures::WorkerDiedError;

// ---- seeing what happens ----
using concurrent::futures::CallEvent;
using concurrent::futures::CallOutcome;
using concurrent::futures::HangReport;
using concurrent::futures::HangReportOptions;
using concurrent::futures::ObservedPool;
using concurrent::futures::observers;
using concurrent::futures::Observer;
using concurrent::futures::progress;
using concurrent::futures::Progress;
using concurrent::futures::ProgressOptions;
using concurrent::futures::TraceFile;
using concurrent::futures::WorkerEvent;

}  // namespace concurrent::futures
