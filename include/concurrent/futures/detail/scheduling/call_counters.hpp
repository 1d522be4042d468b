// SPDX-License-Identifier: MIT
//
// call_counters.hpp: how many calls run, returned and threw. Counted before a call's future is done, so
// that who has seen the result finds it counted.
#pragma once

#include <cstddef>

#include "concurrent/futures/detail/platform/atomic.hpp"

namespace concurrent::futures::inline v1::detail {

class CallCounters {
  public:
    // relaxed, all of them: numbers that order nothing; the end of the call, which follows in the same
    // thread with release, publishes them to whoever waits for it.
    void begin() noexcept { running_.fetch_add(1, std::memory_order_relaxed); }
    // relaxed: as above.
    void end(bool well) noexcept {
        running_.fetch_sub(1, std::memory_order_relaxed);
        // relaxed: as above.
        (well ? completed_ : failed_).fetch_add(1, std::memory_order_relaxed);
    }
    void failed_unstarted() noexcept { failed_.fetch_add(1, std::memory_order_relaxed); }

    // relaxed, as above.
    std::size_t running() const noexcept { return running_.load(std::memory_order_relaxed); }
    std::size_t completed() const noexcept { return completed_.load(std::memory_order_relaxed); }
    std::size_t failed() const noexcept { return failed_.load(std::memory_order_relaxed); }

  private:
    Atomic<std::size_t> running_{0};
    Atomic<std::size_t> completed_{0};
    Atomic<std::size_t> failed_{0};
};

}  // namespace concurrent::futures::inline v1::detail
