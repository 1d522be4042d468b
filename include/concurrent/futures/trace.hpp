// SPDX-License-Identifier: MIT
//
// trace.hpp: a picture of what pools do over time: open the file in https://ui.perfetto.dev or https://speedscope.app.
//
//     cf::TraceFile trace("run.json");                                    // before the pools
//     cf::ThreadPoolExecutor threads({.observer = trace.observer()});
//     cf::ProcessPoolExecutor processes({.observer = trace.observer()});  // any number of pools, one clock
//
// For all pools of a program, without a line of code:
//     CONCURRENT_FUTURES_TRACE=run.json ./program
//
// What it shows: a row for each thread, each worker process and each MPI rank; tasks, by their TaskOptions::name; arrows
// from submit() to the task and to its callbacks; how many tasks wait; items of a map; retries, timeouts, deaths of workers.
// After a crash the file is still there, with the tasks that were running. It then lacks the last ']', which those
// readers do not need. Do not shorten the file while the program runs: that ends the program with SIGBUS. A second
// program that traces to the same file is refused.
// Cost: without an observer one test per event, 0.25 ns. With a trace about 100 bytes of file and 72 ns of processor time
// per event (benchmarks/README.md); a task has three events. Each thread that submits or works has 64 KiB of the file to itself, and
// copies them to the end of the file when they are full.
// Threads: any. Not traced: pools that tasks make in worker processes, InlineExecutor.
#pragma once

#include "concurrent/futures/detail/platform/requirements.hpp"

#include <memory>
#include <string>

#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/observer.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {
namespace detail {
class TraceObserver;
}

/// Chrome trace JSON, written as it happens.
class TraceFile {
  public:
    /// Overwrites the file. Throws std::system_error, which names the file, when it cannot be written.
    CONCURRENT_FUTURES_DECL explicit TraceFile(const std::string& path);
    TraceFile(const TraceFile&) = delete;
    TraceFile& operator=(const TraceFile&) = delete;
    /// Ends the file. A pool that still exists goes on, but its later events may be missing.
    CONCURRENT_FUTURES_DECL ~TraceFile();

    /// For the option `observer` of any number of pools.
    CONCURRENT_FUTURES_DECL std::shared_ptr<Observer> observer() const noexcept;

  private:
    const std::shared_ptr<detail::TraceObserver> observer_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI

#if CONCURRENT_FUTURES_HEADER_ONLY
#include "concurrent/futures/impl/trace.hpp"
#endif
