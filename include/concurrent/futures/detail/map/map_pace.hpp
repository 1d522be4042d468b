// SPDX-License-Identifier: MIT
//
// map_pace.hpp: how many items the next task of a map takes, where the calls run elsewhere and the library
// is to choose: so many as a worker gets through in 50 µs, at the pace that the pool had so far.
//
// All is submitted at the call of map(), so it is measured while that goes on: long items are over too late
// to count, and get a task each. A task never has more than 1 / (4 workers) of the items that are known to
// have ended: of a hundred items or fewer, a worker that dies takes no other with it.
#pragma once

#include <cstddef>
#include <utility>

#include "concurrent/futures/detail/platform/bounds.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class MapPace {
  public:
    explicit MapPace(std::size_t workers) noexcept : workers_(static_cast<double>(workers)) {}

    /// `ended`: items.
    std::size_t items_per_task(std::size_t ended) noexcept {
        const double evidence = static_cast<double>(ended) / (4 * workers_);
        if (evidence < 2) return 1;
        const Moment now{ended, Clock::now()};
        if (before_.ended == 0) before_ = last_ = now;
        // Not since the beginning, when every item had a task: since the last moment but one at which half
        // as many again had ended.
        if (ended - last_.ended >= larger<std::size_t>(16, last_.ended / 2))
            before_ = std::exchange(last_, now);
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
