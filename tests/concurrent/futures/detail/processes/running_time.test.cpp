// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/processes/running_time.hpp>

#include <catch2/catch_test_macros.hpp>

namespace {

using concurrent::futures::detail::RunningTime;
constexpr std::int64_t second = 1'000'000'000;

TEST_CASE("a sleep that is longer than it was to be is time in which the process did not run, all of it",
          "[running_time]") {
    RunningTime time;
    time.note(100 * second);
    time.note_after(101 * second, second);
    CHECK(time.take_lost() == 0);
    time.note_after(106 * second, second);
    time.note_after(109 * second, 0);
    CHECK(time.take_lost() == 8 * second);
    CHECK(time.take_lost() == 0);
}

TEST_CASE("a little late is as usual, and what callbacks take is not lost", "[running_time]") {
    RunningTime time;
    time.note_after(100 * second, 0);  // the first time: nothing is known before
    time.note_after(100 * second + RunningTime::slack, 0);
    time.note(200 * second);
    CHECK(time.take_lost() == 0);
}

}  // namespace
