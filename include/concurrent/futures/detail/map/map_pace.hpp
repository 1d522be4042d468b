// SPDX-License-Identifier: MIT
//
// map_pace.hpp: how many items the next task of a map takes, where the calls run in other processes and the library
// chooses: as many as a worker runs in 50 µs, at the pace that the pool had so far.
//
//     MapPace pace(workers);
//     std::size_t items = pace.items_per_task(ended);      // for the next task
//
// map() submits all items before it returns, and the pace is measured meanwhile. Long items end too late to be counted,
// so each of them gets a task. Until `singles` items have ended, each item gets a task, too: in a map of a hundred items
// or fewer, a worker that dies takes no other item with it. After that a task has at most 1 / (4 workers) of the items
// that are known to have ended.
#pragma once

#include <cstddef>
#include <utility>

#include "concurrent/futures/detail/platform/bounds.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class MapPace {
  public:
    static constexpr std::size_t singles = 100;

    explicit MapPace(std::size_t workers) noexcept : workers_(static_cast<double>(workers)) {}

    /// `ended`: how many items of this map are known to have ended.
    std::size_t items_per_task(std::size_t ended) noexcept {
        const double evidence = static_cast<double>(ended) / (4 * workers_);
        if (evidence < 2) return 1;
        const Moment now{ended, Clock::now()};
        if (before_.ended == 0) before_ = last_ = now;
        // The pace is not measured from the beginning, when every item had a task. It is measured from the last moment but
        // one at which half as many items again had ended.
        if (ended - last_.ended >= larger<std::size_t>(16, last_.ended / 2))
            before_ = std::exchange(last_, now);
        if (ended < singles) return 1;
        const double pace = std::chrono::duration<double, std::nano>(now.at - before_.at).count() /
                            static_cast<double>(larger<std::size_t>(ended - before_.ended, 1));
        return static_cast<std::size_t>(
            clamped(50'000.0 / larger(pace * workers_, 1.0), 1.0, smaller(evidence, 1024.0)));
    }

  private:
    using Clock = std::chrono::steady_clock;
    struct Moment {
        std::size_t ended = 0;  // items
        Clock::time_point at{};
    };

    double workers_;
    Moment before_, last_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
