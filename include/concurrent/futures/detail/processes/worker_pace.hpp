// SPDX-License-Identifier: MIT
//
// worker_pace.hpp: how long the tasks of a worker take, and how many tasks may therefore be sent to it ahead.
//
//     pace.note_end(started);              // of each result, in the order in which they came
//     pace.note_all_read(now);             // after those that came together
//     if (in_flight < pace.credits()) …
//
// If tasks are short, many are sent ahead, so that worker and pool do not wait for each other. If tasks are long, they
// would have to be taken back when another worker has nothing to do, and tasks of higher priority would wait behind them.
// The times come from the worker: with wrong times it gets too few or too many tasks, and no more harm is done.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class WorkerPace {
  public:
    /// The running task included.
    static constexpr std::size_t most = tuning::most_sent;
    static constexpr std::size_t at_first = tuning::sent_at_first;
    static constexpr std::size_t least = tuning::least_sent;

    void note_end(std::int64_t started) noexcept {
        if (ends_++ == 0) first_ = started;
        last_ = started;
    }
    /// Times are those of monotonic_nanoseconds().
    void note_all_read(std::int64_t now) noexcept {
        if (ends_ == 0) return;
        const std::int64_t total = ends_ == 1 ? difference(now, last_) : difference(last_, first_);
        const std::int64_t each = total / std::max<std::int64_t>(ends_ - 1, 1);
        const std::int64_t plausible = std::clamp<std::int64_t>(each, 1, 1'000'000'000'000);
        nanoseconds_ = nanoseconds_ == 0 ? plausible : (nanoseconds_ + plausible) / 2;
        ends_ = 0;
    }
    /// How many tasks may be with the worker at once, the running one included.
    std::size_t credits() const noexcept {
        if (nanoseconds_ == 0) return at_first;
        return std::clamp(static_cast<std::size_t>(ahead / nanoseconds_), least, most);
    }

  private:
    static constexpr std::int64_t ahead = tuning::work_sent_ahead;  // nanoseconds

    /// Without overflow, for any numbers.
    static std::int64_t difference(std::int64_t a, std::int64_t b) noexcept {
        return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
    }

    std::int64_t nanoseconds_ = 0;  // per task; 0: not known
    std::int64_t first_ = 0;
    std::int64_t last_ = 0;
    std::int64_t ends_ = 0;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
