// SPDX-License-Identifier: MIT
//
// hang_report.hpp: a report when a program makes no progress: which tasks run, which wait, and which thread waits for what.
//
//     cf::HangReport report({.after = 30s, .signal = SIGUSR1});          // before the pools
//     cf::ThreadPoolExecutor pool({.observer = report.observer()});      // any number of pools, of any kind
//
// When no task has started or ended for that time although there are tasks, or when the program gets the signal, it
// writes to stderr
//
//     concurrent::futures: hang report of process 4242: no task has started or ended for 30.0 s
//     network (threads, at most 1 workers): 1 running, 1 waiting
//       "fetch" runs for 30.0 s in thread 4244
//       "ping" waits for a worker for 30.0 s
//     loader (threads, at most 1 workers): 1 running, 0 waiting
//       "index" runs for 30.0 s in thread 4245, which waits for "fetch" of network for 30.0 s
//     thread 4242 waits for "index" of loader for 30.0 s
//
// Tasks have the names of TaskOptions::name. Threads have the numbers that gdb and top show. There is one report per
// standstill; the next one comes after a task has started or ended.
// The report knows waits in this library, of threads that begin to wait while a HangReport exists. It does not know other
// waits, as for a std::mutex: such a task is shown as running. A coroutine that is suspended in co_await occupies no thread,
// and is not listed. A process pool reports a start only when the task ends, so its running and waiting tasks are one list.
// The signal may interrupt a system call of another thread (EINTR).
// Cost: an entry in a table, with a lock, for each task and event; a thread that looks ten times a second.
// Threads: any. Lifetime: pools keep the observer alive. Reports end with this object. A fork of the program
// writes none.
#pragma once

#include "concurrent/futures/detail/platform/requirements.hpp"

#include <condition_variable>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "concurrent/futures/detail/hang_report/task_table.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/fork_generation.hpp"
#include "concurrent/futures/detail/platform/process_number.hpp"
#include "concurrent/futures/detail/platform/signal_flag.hpp"
#include "concurrent/futures/detail/platform/timed_wait.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/detail/state/blocked_threads.hpp"
#include "concurrent/futures/observer.hpp"
#include "concurrent/futures/options.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

struct HangReportOptions {
    Duration after = std::chrono::seconds(30);  ///< of standstill; empty: only on the signal. More than 0
    int signal = 0;                             ///< such as SIGUSR1; 0: none. Its handler is put back in the end
    /// Gets each report, in a thread of the library; empty: it goes to stderr. What it throws is dropped.
    std::function<void(const std::string&)> write = {};
};

class HangReport {
  public:
    /// Throws std::invalid_argument for options that make no sense, std::system_error if there is no thread.
    explicit HangReport(HangReportOptions options = {});
    HangReport(const HangReport&) = delete;
    HangReport& operator=(const HangReport&) = delete;
    ~HangReport();

    /// For the option `observer` of any number of pools.
    std::shared_ptr<Observer> observer() const noexcept { return table_; }
    /// The report of this moment.
    std::string text() const;

  private:
    using Clock = std::chrono::steady_clock;
    static constexpr auto pause = detail::tuning::hang_look_interval;

    void watch() noexcept;
    void write_if_asked_or_stalled();

    const HangReportOptions options_;
    const std::shared_ptr<detail::TaskTable> table_ = std::make_shared<detail::TaskTable>();
    const detail::BlockedThreads::Reader reader_;
    detail::SignalFlag asked_;
    Clock::time_point reported_{};  // the standstill that was written; by the thread only
    const detail::ForkMark born_;

    struct Watcher {
        std::mutex mutex;
        std::condition_variable changed;
        bool over = false;  // guarded by mutex
        std::thread thread;
    };
    std::unique_ptr<Watcher> watcher_ = std::make_unique<Watcher>();
};

inline HangReport::HangReport(HangReportOptions options) : options_(std::move(options)), asked_(options_.signal) {
    if (options_.after && *options_.after <= std::chrono::nanoseconds(0))
        throw std::invalid_argument("HangReportOptions::after must be more than 0; leave it empty for no report but on "
                                    "the signal");
    watcher_->thread = std::thread([this] { watch(); });
}

inline HangReport::~HangReport() {
    if (born_.in_forked_child()) {
        // The thread is not there. It may have had the mutex, and to destroy what it sleeps on would wait for it.
        static_cast<void>(watcher_.release());
        return;
    }
    {
        const std::lock_guard lock(watcher_->mutex);
        watcher_->over = true;
        watcher_->changed.notify_one();
    }
    watcher_->thread.join();
}

inline std::string HangReport::text() const {
    return "concurrent::futures: hang report of process " + std::to_string(detail::number_of_this_process()) + ": " +
           table_->text(Clock::now());
}

inline void HangReport::write_if_asked_or_stalled() {
    const auto since = table_->stalled_since();
    const bool stalled = since && options_.after && *since != reported_ && Clock::now() - *since >= *options_.after;
    if (!asked_.take() && !stalled) return;
    if (stalled) reported_ = *since;
    const std::string report = text();
    if (options_.write)
        options_.write(report);
    else
        std::fputs(report.c_str(), stderr);
}

inline void HangReport::watch() noexcept {
    Watcher& watcher = *watcher_;
    std::unique_lock lock(watcher.mutex);
    while (!watcher.over) {
        const auto until = detail::Deadline::after(pause);
        detail::timed_wait(watcher.changed, lock, until, [&] { return watcher.over; });
        if (watcher.over) return;
        lock.unlock();
        try {
            write_if_asked_or_stalled();
        } catch (...) {  // of write, or no memory: there is nobody to tell
        }
        lock.lock();
    }
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
