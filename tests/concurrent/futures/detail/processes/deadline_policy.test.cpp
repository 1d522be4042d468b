// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/processes/deadline_policy.hpp>

#include <catch2/catch_test_macros.hpp>

namespace {

using namespace concurrent::futures::detail;

constexpr std::int64_t never = TaskLimits::never;
constexpr std::int64_t second = 1'000'000'000;

TEST_CASE("a sum of times does not wrap around", "[deadline_policy]") {
    CHECK(saturating_sum(3, 4) == 7);
    CHECK(saturating_sum(3, never) == never);
    CHECK(saturating_sum(never, 1) == never);
    CHECK(saturating_sum(never - 5, 5) == never);
    CHECK(saturating_sum(-7 * second, 2 * second) == -5 * second);
    CHECK(saturating_sum(-7 * second, never) == never);
}

TEST_CASE("a task that runs must have ended its timeout after its start, pauses of this process not counted", "[deadline_policy]") {
    const DeadlinePolicy policy{.stop_grace = 5 * second};
    TaskTimes task{.state = SlotState::running, .started = 10 * second, .timeout = 4 * second};
    CHECK(policy.of_task(task, 11 * second) == 14 * second);
    task.paused = 2 * second;
    CHECK(policy.of_task(task, 11 * second) == 16 * second);
    task.stop_at = 12 * second;
    CHECK(policy.of_task(task, 11 * second) == 12 * second);
    task.stop_at = task.timeout = never;
    CHECK(policy.of_task(task, 11 * second) == never);
}

TEST_CASE("a start that cannot be true does not move a deadline out of reach", "[deadline_policy]") {
    const DeadlinePolicy policy;
    TaskTimes task{.state = SlotState::running, .started = 900 * second, .timeout = 4 * second};
    CHECK(policy.of_task(task, 11 * second) == 15 * second);  // the future is now
    task.started = -900 * second;
    CHECK(policy.of_task(task, 11 * second) == 4 * second);
    // The clock of a program may have been replaced by one that is below 0.
    CHECK(policy.of_task(task, -11 * second) == -7 * second);
    task.started = -12 * second;
    CHECK(policy.of_task(task, -11 * second) == -7 * second);
    task.started = 900 * second;
    CHECK(policy.of_task(task, -11 * second) == -7 * second);
}

TEST_CASE("a task that has not started is looked at again, later than now", "[deadline_policy]") {
    const DeadlinePolicy policy;
    CHECK(policy.of_task({.timeout = 4 * second}, 11 * second) == 15 * second);
    CHECK(policy.of_task({.timeout = 0}, 11 * second) > 11 * second);
    CHECK(policy.of_task({}, 11 * second) == never);
}

TEST_CASE("a task that is over has more time for its result, from what its worker sent last", "[deadline_policy]") {
    const DeadlinePolicy policy{.stop_grace = 5 * second};
    TaskTimes task{.state = SlotState::done, .started = 10 * second, .timeout = 4 * second};
    CHECK(policy.of_task(task, 11 * second) == 19 * second);
    task.heard_at = 16 * second;
    CHECK(policy.of_task(task, 17 * second) == 21 * second);
    CHECK(DeadlinePolicy{}.of_task(task, 17 * second) == 17 * second);  // one second at least
    task.timeout = never;
    CHECK(policy.of_task(task, 17 * second) == never);
}

TEST_CASE("a hook has as long as task_timeout from its start, and no limit without one", "[deadline_policy]") {
    const DeadlinePolicy policy{.hook_timeout = 3 * second};
    CHECK(policy.of_hook({.runs_hooks = true, .hook_started = 10 * second, .paused = second}, 11 * second) == 14 * second);
    CHECK(policy.of_hook({.runs_hooks = true}, 11 * second) == 14 * second);
    CHECK(policy.of_hook({.runs_hooks = false, .hook_started = 10 * second}, 11 * second) == never);
    CHECK(DeadlinePolicy{}.of_hook({.runs_hooks = true, .hook_started = 1}, 2) == never);
}

TEST_CASE("a worker has a limit for its way to process_main(), until it is there", "[deadline_policy]") {
    const DeadlinePolicy policy{.start_timeout = 60 * second};
    CHECK(policy.of_start({.before_main = true, .born = 10 * second, .paused = second}) == 71 * second);
    CHECK(policy.of_start({.before_main = false, .born = 10 * second}) == never);
    CHECK(DeadlinePolicy{}.of_start({.before_main = true, .born = 10 * second}) == never);
}

}  // namespace
