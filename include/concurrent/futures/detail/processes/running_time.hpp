// SPDX-License-Identifier: MIT
//
// running_time.hpp: notices that this process did not run for a while: SIGSTOP, Ctrl-Z, a frozen container.
//
//     RunningTime time;
//     time.note(now);                     // often; at the beginning and at the end of what may take long
//     time.note_after(now, asked);        // after a sleep that was to be that long, at most
//     std::int64_t lost = time.take_lost();   // since the last time
//
// The clock goes on while a process is stopped. Time limits of tasks must not: neither the pool nor its workers could
// do anything. A delay below `slack` is usual on a busy machine and does not count. So that a stop in the middle
// of a sleep is noticed, sleeps are not longer than `longest_sleep` while a limit is watched. Threads: one.
#pragma once

#include <cstdint>
#include <utility>

#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class RunningTime {
  public:
    static constexpr std::int64_t slack = 100'000'000;  // nanoseconds, as all times here
    static constexpr std::int64_t longest_sleep = 100'000'000;

    /// The time since the last note counts as running, for example while callbacks of the program ran.
    void note(std::int64_t now) noexcept { last_ = now; }
    /// Since the last note, at most `asked` was to pass.
    void note_after(std::int64_t now, std::int64_t asked) noexcept {
        const std::int64_t passed = now - last_;
        // Nothing tells when in the sleep the stop began. All of it counts, so that no task loses time of its limit.
        if (last_ != 0 && passed - asked > slack) lost_ += passed;
        last_ = now;
    }
    /// Nanoseconds in which this process did not run.
    std::int64_t take_lost() noexcept { return std::exchange(lost_, 0); }

  private:
    std::int64_t last_ = 0;
    std::int64_t lost_ = 0;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
