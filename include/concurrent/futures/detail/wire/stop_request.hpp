// SPDX-License-Identifier: MIT
//
// stop_request.hpp: the memory in which a running task is asked to stop.
//
//     request.ask_to_stop(id);                              // the pool, or the thread that receives messages
//     const std::uint32_t seen = request.stop_signal().count();
//     if (!request.stop_asked(id)) request.stop_signal().wait_beyond(seen);      // beside the task
//
// It works between processes too, when it lies in memory that they share. Threads: any.
#pragma once

#include <cstdint>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/shared_signal.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class StopRequest {
  public:
    /// The task with this id is to stop, by its std::stop_token if it has one.
    void ask_to_stop(std::uint64_t task) noexcept {
        // relaxed: handed over by the signal's count.
        asked_to_stop_.store(task, std::memory_order_relaxed);
        stop_signal_.raise();
    }
    /// The side of the task, after it has read stop_signal().count().
    bool stop_asked(std::uint64_t task) const noexcept {
        // relaxed: handed over by the signal's count.
        return asked_to_stop_.load(std::memory_order_relaxed) == task;
    }
    SharedSignal& stop_signal() noexcept { return stop_signal_; }

  private:
    Atomic<std::uint64_t> asked_to_stop_{0};
    SharedSignal stop_signal_;
};

static_assert(Atomic<std::uint64_t>::is_always_lock_free, "may be shared between processes");

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
