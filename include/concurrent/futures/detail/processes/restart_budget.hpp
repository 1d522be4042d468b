// SPDX-License-Identifier: MIT
//
// restart_budget.hpp: when a process pool stops to start workers that die at once.
//
//     if (budget.note_start_failure()) break_pool(…);       // a worker died before it was ready
//     if (budget.note_fruitless_death()) break_pool(…);     // a worker died before it ran one of the tasks that wait
//     budget.note_ready();  budget.note_task_ran();         // it gets on: the streak is over
//
// Deaths in a task are not counted, nor is the end of a worker at a time limit: those tasks end, so the work gets less.
#pragma once

#include <cstddef>

#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class RestartBudget {
  public:
    static constexpr std::size_t start_failures_allowed = 3;
    static constexpr std::size_t fruitless_deaths_allowed = 10;

    void note_ready() noexcept { start_failures_ = 0; }
    void note_task_ran() noexcept { fruitless_deaths_ = 0; }
    /// True: the budget is used up.
    bool note_start_failure() noexcept { return ++start_failures_ >= start_failures_allowed; }
    bool note_fruitless_death() noexcept { return ++fruitless_deaths_ >= fruitless_deaths_allowed; }
    /// A worker has to be replaced: for the pool's statistics.
    void note_restart() noexcept { ++restarts_; }
    std::size_t restarts() const noexcept { return restarts_; }

  private:
    std::size_t start_failures_ = 0;    // in a row
    std::size_t fruitless_deaths_ = 0;  // in a row, while tasks waited
    std::size_t restarts_ = 0;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
