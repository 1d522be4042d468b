// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/processes/restart_budget.hpp>

#include <catch2/catch_test_macros.hpp>

namespace {

using concurrent::futures::detail::RestartBudget;

TEST_CASE("three starts that fail in a row use the budget up, a worker that is ready renews it", "[restart_budget]") {
    RestartBudget budget;
    CHECK(!budget.note_start_failure());
    CHECK(!budget.note_start_failure());
    budget.note_ready();
    CHECK(!budget.note_start_failure());
    CHECK(!budget.note_start_failure());
    CHECK(budget.note_start_failure());
}

TEST_CASE("ten deaths in a row before a task ran use the budget up, a task that ran renews it", "[restart_budget]") {
    RestartBudget budget;
    for (int round = 0; round < 2; ++round) {
        budget.note_task_ran();
        for (int death = 1; death < 10; ++death) CHECK(!budget.note_fruitless_death());
        budget.note_ready();  // does not matter: they are ready, and die
    }
    CHECK(budget.note_fruitless_death());
}

TEST_CASE("restarts are counted for the statistics and limit nothing", "[restart_budget]") {
    RestartBudget budget;
    for (int restart = 0; restart < 1000; ++restart) budget.note_restart();
    CHECK(budget.restarts() == 1000);
    CHECK(!budget.note_start_failure());
}

}  // namespace
