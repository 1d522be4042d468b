// SPDX-License-Identifier: MIT
//
// thread_control.hpp: a thread pool pauses and goes on, has another number of workers, and starts all of them at once.
//
//     ThreadControl control(tables);
//     control.pause();
//     control.resume();
//     control.set_max_workers(4);
//     control.start_workers(false);      // waits until their initializers have run
//
// Threads: any, without the mutex.
#pragma once

#include <cstddef>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>

#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/scheduling/thread_tables.hpp"
#include "concurrent/futures/detail/state/idle_waiters.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class ThreadControl {
  public:
    explicit ThreadControl(ThreadTables& pool) noexcept : pool_(pool) {}

    /// No task starts until resume(), which throws nothing but BrokenThreadPool in a forked child. pause() throws
    /// ShutdownError and BrokenThreadPool.
    void pause();
    void resume();
    /// At least 1.
    void set_max_workers(std::size_t number);
    /// Starts all that may be there, and waits for their initializers. Throws BrokenThreadPool, ShutdownError, and
    /// std::system_error if `own_thread`: the caller is a thread of this pool.
    void start_workers(bool own_thread);

  private:
    using Lock = ThreadTables::Lock;

    ThreadTables& pool_;
};

inline void ThreadControl::pause() {
    pool_.throw_if_forked();
    {
        const std::lock_guard lock(pool_.mutex);
        if (!pool_.search.is_closed()) return pool_.pause();
    }
    pool_.throw_closed();
}

inline void ThreadControl::resume() {
    pool_.throw_if_forked();
    Lock lock(pool_.mutex);
    pool_.end_pause();
    pool_.bring_or_abandon(lock);
}

inline void ThreadControl::set_max_workers(std::size_t number) {
    pool_.throw_if_forked();
    Lock lock(pool_.mutex);
    pool_.workers.set_max_workers(number);
    pool_.bring_or_abandon(lock);
}

inline void ThreadControl::start_workers(bool own_thread) {
    pool_.throw_if_forked();
    if (own_thread)
        throw std::system_error(std::make_error_code(std::errc::resource_deadlock_would_occur),
                                "ThreadPoolExecutor::start_workers: called in a task or callback that this pool runs, "
                                "whose worker may be needed; call it outside");
    if (pool_.search.is_closed()) pool_.throw_closed();
    const auto threads = [this] {
        const std::lock_guard lock(pool_.mutex);
        return std::to_string(pool_.workers.headcount().alive());
    };
    try {
        const std::lock_guard lock(pool_.mutex);
        pool_.workers.start_missing();
    } catch (const std::exception& error) {
        throw BrokenThreadPool("ThreadPoolExecutor::start_workers: " + threads() + " of " +
                               std::to_string(pool_.workers.headcount().max_workers()) + " workers could be started: " + error.what() +
                               "; the pool works with these. Ask for fewer workers or a smaller stack_size, or raise "
                               "the system's limits on threads and memory");
    }
    wait_with("the start of a pool's workers", pool_.mutex, pool_.all_started, Deadline::never(),
              [this] { return pool_.workers.headcount().starting() == 0; });
    if (pool_.is_broken()) pool_.throw_closed();
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
