// SPDX-License-Identifier: MIT
//
// restart_budget.hpp: when a process pool stops starting workers that die at once, and breaks.
//
//     if (budget.note_start_failure()) break_pool(…);       // a worker died before it was ready
//     if (budget.note_fruitless_death()) break_pool(…);     // a ready worker died while tasks waited, and had run none
//     budget.note_ready();  budget.note_task_ran();         // these end the two streaks
//
// The third start failure in a row breaks the pool, and the tenth fruitless death in a row. A death in a task is not
// counted, nor is the end of a worker at a time limit: that task ends, so there is less work left.
// Threads: with the pool's mutex.
#pragma once

#include <cstddef>

#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class RestartBudget {
  public:
    static constexpr std::size_t start_failures_that_break = 3;
    static constexpr std::size_t fruitless_deaths_that_break = 10;

    void note_ready() noexcept { start_failures_ = 0; }
    void note_task_ran() noexcept { fruitless_deaths_ = 0; }
    /// Both: true when the pool must break.
    bool note_start_failure() noexcept { return ++start_failures_ >= start_failures_that_break; }
    bool note_fruitless_death() noexcept { return ++fruitless_deaths_ >= fruitless_deaths_that_break; }
    /// A worker has died: for ExecutorStats::worker_restarts.
    void note_restart() noexcept { ++restarts_; }
    std::size_t restarts() const noexcept { return restarts_; }

  private:
    std::size_t start_failures_ = 0;    // in a row
    std::size_t fruitless_deaths_ = 0;  // in a row, while tasks waited
    std::size_t restarts_ = 0;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
