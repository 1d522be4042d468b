// SPDX-License-Identifier: MIT
//
// map_pace.hpp: how many items the next task of a map takes, where the calls run in other processes and the library
// chooses: as many as a worker runs in 50 µs, at the pace that the pool had so far.
//
//     MapPace pace(workers, at_once);                      // so many of them run at one time: as many as there are processors
//     std::size_t items = pace.items_per_task(ended);      // for the next task
//     bool settled = pace.is_settled();                    // false: more results may well change that number
//
// map() submits all items before it returns, and the pace is measured meanwhile. Long items end too late to be counted,
// so each of them gets a task. Until `singles` items have ended, each item gets a task, too: in a map of a hundred items
// or fewer, a worker that dies takes no other item with it. After that a task has at most 1 / (4 workers) of the items
// that are known to have ended.
// Most of what a short item costs in a task of its own is the task. So the pace of small tasks makes items look longer
// than they are, and larger tasks show that: the number grows step by step.
#pragma once

#include <cstddef>
#include <utility>

#include "concurrent/futures/detail/platform/bounds.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class MapPace {
  public:
    static constexpr std::size_t singles = tuning::map_singles;

    MapPace(std::size_t workers, std::size_t at_once) noexcept
        : workers_(static_cast<double>(workers)), at_once_(static_cast<double>(smaller(workers, at_once))) {}

    /// `ended`: how many items of this map are known to have ended.
    std::size_t items_per_task(std::size_t ended) noexcept {
        const double evidence = static_cast<double>(ended) / (4 * workers_);
        if (evidence < 2) return 1;
        const Clock::time_point clock = Clock::now();
        // A submitter that is quick or loses its processor sees nothing end for a moment: that is no slow pace.
        const Moment now{ended, ended == seen_.ended ? larger(seen_.at, clock - hiccup) : clock};
        if (ended != seen_.ended) seen_ = now;
        if (before_.ended == 0) before_ = last_ = now;
        // The pace is not measured from the beginning, when every item had a task. It is measured from the last moment but
        // one at which half as many items again had ended.
        if (ended - last_.ended >= larger<std::size_t>(few, last_.ended / 2))
            before_ = std::exchange(last_, now);
        const std::size_t measured = ended - before_.ended;
        const double pace = std::chrono::duration<double, std::nano>(now.at - before_.at).count() /
                            static_cast<double>(larger<std::size_t>(measured, 1));
        const double fitting = tuning::map_chunk / larger(pace * at_once_, 1.0);
        const auto items = ended < singles ? 1 : static_cast<std::size_t>(clamped(fitting, 1.0, smaller(evidence, most)));
        const bool are_long = fitting < 2 && measured >= larger<std::size_t>(few, before_.ended / 2);
        settled_ = are_long || static_cast<double>(items) >= most / 2;
        return items;
    }
    /// Of the last answer: items are long, or a task has about as many as it may have.
    bool is_settled() const noexcept { return settled_; }

  private:
    using Clock = std::chrono::steady_clock;
    struct Moment {
        std::size_t ended = 0;  // items
        Clock::time_point at{};
    };

    static constexpr double most = tuning::most_items_per_chunk;
    static constexpr auto hiccup = tuning::map_hiccup;
    static constexpr std::size_t few = tuning::items_per_measure;

    double workers_, at_once_;
    Moment before_, last_, seen_;
    bool settled_ = false;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
