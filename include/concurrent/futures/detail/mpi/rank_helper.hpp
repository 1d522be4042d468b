// SPDX-License-Identifier: MIT
//
// rank_helper.hpp: a second thread of a rank, which sends and receives while the first one runs a job that takes long.
//
//     RankHelper helper([&] { …receive and send… });       // called without a lock, by the helper thread
//     helper.note_run();  …the job…  helper.note_end();     // the rank's own thread
//
// While a job runs, the helper looks every millisecond, and each 4 ms at last. A while after the last job it goes to sleep,
// and the next job wakes it. The thread starts with the first job.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include "concurrent/futures/detail/mpi/look_pace.hpp"
#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/monotonic_clock.hpp"
#include "concurrent/futures/detail/platform/thread_name.hpp"
#include "concurrent/futures/detail/platform/timed_wait.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class RankHelper {
  public:
    struct Pace {
        std::chrono::nanoseconds tick = tuning::mpi_helper_tick;  // it works when a job takes longer than that
        int ticks_awake = tuning::mpi_helper_ticks_awake;         // looks without a job until it sleeps
    };

    explicit RankHelper(std::function<void()> work) : RankHelper(std::move(work), Pace()) {}
    RankHelper(std::function<void()> work, const Pace& pace) : work_(std::move(work)), pace_(pace) {}
    RankHelper(const RankHelper&) = delete;
    RankHelper& operator=(const RankHelper&) = delete;
    ~RankHelper() { stop(); }

    // The rank's own thread.

    /// Before a job, which may take long. Throws std::system_error when no thread can be started.
    void note_run() {
        // (3) seq_cst, against (4): either the helper sees the job or this sees that it sleeps.
        running_since_.store(monotonic_nanoseconds(), std::memory_order_seq_cst);
        if (!thread_.joinable()) {
            thread_ = std::thread([this] { help(); });
            // seq_cst, after (3), against (4).
        } else if (sleeps_.load(std::memory_order_seq_cst)) {
            const std::lock_guard lock(mutex_);
            wake_up_.notify_one();
        }
    }
    void note_end() noexcept {
        // (1) release, pairs with (2).
        running_since_.store(0, std::memory_order_release);
    }
    /// The thread has ended then.
    void stop() {
        {
            const std::lock_guard lock(mutex_);
            ends_ = true;
            wake_up_.notify_one();
        }
        if (thread_.joinable()) thread_.join();
    }

  private:
    void help() noexcept {
        name_current_thread("cf_rank_help", 0);
        std::unique_lock lock(mutex_);
        std::chrono::nanoseconds pause = pace_.tick;
        for (int idle = 0; !ends_;) {
            if (idle < pace_.ticks_awake) {
                timed_wait(wake_up_, lock, Deadline::after(pause));
            } else {
                // (4) seq_cst, against (3).
                sleeps_.store(true, std::memory_order_seq_cst);
                wake_up_.wait(lock, [this] {
                    // seq_cst, after (4), against (3).
                    return ends_ || running_since_.load(std::memory_order_seq_cst) != 0;
                });
                // relaxed: a later note_run() notifies once more for nothing.
                sleeps_.store(false, std::memory_order_relaxed);
                idle = 0;
            }
            // (2) acquire, pairs with (1).
            const std::int64_t since = running_since_.load(std::memory_order_acquire);
            idle = since == 0 ? idle + 1 : 0;
            const std::int64_t running = since == 0 ? 0 : monotonic_nanoseconds() - since;
            pause = (std::max)(pace_.tick, nap_after(running));
            if (since == 0 || std::chrono::nanoseconds(running) < pace_.tick) continue;
            lock.unlock();
            work_();
            lock.lock();
        }
    }

    const std::function<void()> work_;
    const Pace pace_;
    Atomic<std::int64_t> running_since_{0};  // 0: no job is running
    Atomic<bool> sleeps_{false};
    std::mutex mutex_;
    std::condition_variable wake_up_;
    bool ends_ = false;  // guarded by mutex_
    std::thread thread_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
