// SPDX-License-Identifier: MIT
//
// lane_pace.hpp: how many tasks the root sends to a lane in advance.
//
//     while (in_flight < pace.window()) …send one more…
//     pace.note_end(nanoseconds);        // of a task
//
// A lane is given what it is likely to run in 200 µs, so long tasks go out by ones and twos. That time doubles, up to 10 ms,
// each time the lane runs dry although tasks wait, as happens on a busy machine. After a recall it gets one task at a time
// until the next result, and the time is 200 µs again.
// The first task of a program takes long, since nothing is in memory yet, and so does one whose processor is given to
// another thread. So a shorter task counts for a half, a longer one for an eighth, and none more than doubles the mean: else
// hundreds of short tasks would go out by twos. Tasks behind one that does take long are taken back (lane_dispatcher.hpp).
#pragma once

#include <algorithm>
#include <cstddef>

#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class LanePace {
  public:
    /// How many tasks the lane may have, the running one included.
    std::size_t window() const noexcept {
        if (held_ || mean_ == 0) return 1;
        constexpr double most = tuning::mpi_most_tasks_ahead;
        const double count = ahead_ / (std::max)(mean_, ahead_ / most);
        return count < 2 ? 2 : static_cast<std::size_t>(count);
    }
    /// Nanoseconds that so many tasks are likely to take; 0 if that is not known.
    double time_of(std::size_t tasks) const noexcept { return static_cast<double>(tasks) * mean_; }

    /// A task has ended, which took so many nanoseconds.
    void note_end(double nanoseconds) noexcept {
        held_ = false;
        nanoseconds = (std::max)(nanoseconds, 1.0);
        if (mean_ == 0)
            mean_ = nanoseconds;
        else if (nanoseconds < mean_)
            mean_ -= (mean_ - nanoseconds) / 2;
        else
            mean_ = (std::min)(mean_ + (nanoseconds - mean_) / 8, 2 * mean_);
    }
    /// The lane had nothing left although tasks wait. Before note_end() of its last task.
    void note_dry() noexcept {
        if (mean_ != 0) ahead_ = (std::min)(2 * ahead_, most_ahead);
    }
    /// Tasks that had not started were taken back.
    void note_recall() noexcept {
        held_ = true;
        ahead_ = least_ahead;
    }
    /// Tasks of another pool follow, which may take longer or shorter.
    void forget() noexcept { mean_ = 0; }

  private:
    static constexpr double least_ahead = tuning::mpi_least_ahead, most_ahead = tuning::mpi_most_ahead;

    double mean_ = 0;             // nanoseconds that a task takes; 0: not known
    double ahead_ = least_ahead;  // nanoseconds of work that are sent in advance
    bool held_ = false;           // after a recall, until the next result
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
