// SPDX-License-Identifier: MIT
//
// manager_thread.hpp: the thread of a process pool's engine: its start, its end, and waiting for that.
//
//     thread.start([self] { …; self->thread.note_end(); });
//     thread.join(deadline);      // any thread but this one
//
// It may also be left alone, with detach(), and then ends by itself.
#pragma once

#include <signal.h>

#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/thread_name.hpp"
#include "concurrent/futures/detail/processes/manager_threads.hpp"
#include "concurrent/futures/detail/state/idle_waiters.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class ManagerThread {
  public:
    /// Throws std::system_error when no thread can be started.
    template <class Body>
    void start(Body body) {
        // The new thread inherits the mask: the program's signal handlers run in the program's threads, and a
        // write to a dead worker's pipe raises no SIGPIPE.
        sigset_t all;
        sigset_t before;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before);
        ManagerThreads::count(1);
        try {
            thread_ = std::thread([body = std::move(body)] {
                name_current_thread("pool_manager", 0);
                body();
            });
        } catch (const std::system_error& error) {
            restore(before);
            throw std::system_error(error.code(), "ProcessPoolExecutor: cannot start its manager thread; raise the "
                                                  "system's limits on threads (ulimit -u, pids.max) and memory");
        } catch (...) {
            restore(before);
            throw;
        }
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }
    /// By the thread, as the last thing it does for the pool.
    void note_end() {
        const std::lock_guard lock(mutex_);
        over_ = true;
        ended_.notify_all();
        ManagerThreads::count(-1);
    }
    /// False when the deadline came first.
    bool join(const Deadline& deadline) {
        if (!wait_with("the end of a pool's workers", mutex_, ended_, deadline, [this] { return over_; })) return false;
        const std::lock_guard lock(join_mutex_);
        if (thread_.joinable()) thread_.join();
        return true;
    }
    void detach() {
        const std::lock_guard lock(join_mutex_);
        if (thread_.joinable()) thread_.detach();
    }

  private:
    static void restore(const sigset_t& before) {
        ManagerThreads::count(-1);
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }

    std::mutex mutex_;
    bool over_ = false;  // guarded by mutex_
    std::condition_variable ended_;
    std::mutex join_mutex_;
    std::thread thread_;  // guarded by join_mutex_ after start()
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
