// SPDX-License-Identifier: MIT
//
// idle_waiters.hpp: threads that wait until something is true that a mutex guards, and wait_idle() of all pools.
//
//     // false: the deadline passed first
//     wait_with("the end of a pool's workers", mutex, changed, deadline, [this] { return alive_ == 0; });
//
//     IdleWaiters waiters;                                            // wait_idle():
//     waiters.wait("ThreadPoolExecutor", is_own_thread(), mutex, deadline, [this] { return is_idle(); });
//     waiters.notify();                                               // with the mutex, when the pool may be idle
//
// Threads: any, without the mutex. A worker that waits counts as blocked, see blocking.hpp.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>
#include <system_error>

#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/timed_wait.hpp"
#include "concurrent/futures/detail/state/shared_state.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// `what`: for a HangReport, a literal. `is_over()` is asked with the mutex. `changed` is notified when the answer may have
/// become true; without a notification it is asked again after `interval`, if that is given. False when the deadline
/// passed first.
template <class IsOver>
bool wait_with(const char* what, std::mutex& mutex, std::condition_variable& changed, const Deadline& deadline,
               IsOver is_over, std::chrono::milliseconds interval = {}) {
    return block_until(
        {.what = what}, deadline,
        [&] {
            const std::lock_guard lock(mutex);
            return is_over();
        },
        [&](const Deadline& until) {
            std::unique_lock lock(mutex);
            const bool asks_again = interval.count() != 0;
            timed_wait(changed, lock, asks_again ? until.or_earlier(Deadline::after(interval)) : until, is_over);
        });
}

class IdleWaiters {
  public:
    /// Throws std::system_error in a thread of the pool, which would wait for itself. `interval`: as wait_with().
    template <class IsIdle>
    bool wait(const char* pool, bool is_own_thread, std::mutex& mutex, const Deadline& deadline, IsIdle is_idle,
              std::chrono::milliseconds interval = {}) {
        if (is_own_thread)
            throw std::system_error(std::make_error_code(std::errc::resource_deadlock_would_occur),
                                    std::string(pool) +
                                        "::wait_idle: called in a task or callback that this pool runs, which would "
                                        "wait for itself; wait for futures instead");
        {
            const std::lock_guard lock(mutex);
            ++waiting_;
        }
        const bool idle = wait_with("an idle pool (wait_idle)", mutex, changed_, deadline, is_idle, interval);
        const std::lock_guard lock(mutex);
        --waiting_;
        return idle;
    }
    /// With the mutex.
    void notify() noexcept {
        if (waiting_ != 0) changed_.notify_all();
    }

  private:
    std::condition_variable changed_;
    std::size_t waiting_ = 0;  // threads; guarded by the mutex
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
