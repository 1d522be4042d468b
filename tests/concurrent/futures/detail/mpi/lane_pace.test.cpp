// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/mpi/lane_pace.hpp>

#include <catch2/catch_test_macros.hpp>

namespace {

using concurrent::futures::detail::LanePace;

TEST_CASE("a lane of which nothing is known gets one task, and short tasks by the time they take", "[lane_pace]") {
    LanePace pace;
    CHECK(pace.window() == 1);
    pace.note_end(10'000);
    CHECK(pace.window() == 20);
    CHECK(pace.time_of(3) == 30'000);
}

TEST_CASE("a lane gets two long tasks, and a bounded number of the shortest", "[lane_pace]") {
    LanePace slow;
    slow.note_end(50e9);
    CHECK(slow.window() == 2);
    LanePace fast;
    fast.note_end(0);
    CHECK(fast.window() == 16 * 1024);
}

TEST_CASE("one slow task changes the pace of a lane by an eighth", "[lane_pace]") {
    LanePace pace;
    pace.note_end(1000);
    pace.note_end(9000);
    CHECK(pace.time_of(1) == 2000);
}

TEST_CASE("a first task that takes long does not keep short ones back", "[lane_pace]") {
    LanePace pace;
    pace.note_end(5'000'000);
    for (int i = 0; i < 12; ++i) pace.note_end(1000);
    CHECK(pace.window() > 50);
}

TEST_CASE("one task that takes very long at most halves what a lane is given", "[lane_pace]") {
    LanePace pace;
    pace.note_end(1000);
    CHECK(pace.window() == 200);
    pace.note_end(50e6);
    CHECK(pace.window() == 100);
}

TEST_CASE("a lane that has run dry gets more in advance, up to 10 ms", "[lane_pace]") {
    LanePace pace;
    pace.note_dry();  // nothing is known of its tasks: that was its first one
    pace.note_end(10'000);
    CHECK(pace.window() == 20);
    pace.note_dry();
    CHECK(pace.window() == 40);
    for (int i = 0; i < 20; ++i) pace.note_dry();
    CHECK(pace.window() == 1000);
}

TEST_CASE("after a recall a lane gets one task until the next result", "[lane_pace]") {
    LanePace pace;
    pace.note_end(10'000);
    pace.note_dry();
    pace.note_recall();
    CHECK(pace.window() == 1);
    pace.note_end(10'000);
    CHECK(pace.window() == 20);
}

TEST_CASE("the pace of another pool's tasks is forgotten", "[lane_pace]") {
    LanePace pace;
    pace.note_end(10'000);
    pace.forget();
    CHECK(pace.window() == 1);
}

}  // namespace
