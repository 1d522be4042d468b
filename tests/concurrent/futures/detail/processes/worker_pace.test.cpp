// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/processes/worker_pace.hpp>

#include <catch2/catch_test_macros.hpp>
#include <limits>

namespace {

using namespace concurrent::futures::detail;

/// Results that come together, of calls that take so long each.
void read(WorkerPace& pace, std::int64_t& now, int count, std::int64_t each) {
    for (int n = 0; n < count; ++n) {
        pace.note_end(now);
        now += each;
    }
    pace.note_all_read(now);
}

TEST_CASE("short calls are given many ahead, long ones few", "[worker_pace]") {
    WorkerPace pace;
    CHECK(pace.credits() == WorkerPace::at_first);
    std::int64_t now = 1'000'000'000;
    for (int n = 0; n < 20; ++n) read(pace, now, 10, 500);
    CHECK(pace.credits() == WorkerPace::most);
    for (int n = 0; n < 20; ++n) read(pace, now, 10, 10'000);
    CHECK(pace.credits() == 20);
    for (int n = 0; n < 20; ++n) read(pace, now, 1, 50'000'000);
    CHECK(pace.credits() == WorkerPace::least);
    for (int n = 0; n < 40; ++n) read(pace, now, 1, 1'000);
    CHECK(pace.credits() == WorkerPace::most);
    pace.note_all_read(now + 1'000'000'000);  // nothing came: nothing is learned
    CHECK(pace.credits() == WorkerPace::most);
}

TEST_CASE("times that cannot be give a number of calls that can", "[worker_pace]") {
    constexpr auto largest = std::numeric_limits<std::int64_t>::max();
    for (const std::int64_t started : {std::int64_t{0}, largest, -largest - 1, std::int64_t{5}}) {
        WorkerPace pace;
        for (int n = 0; n < 3; ++n) {
            pace.note_end(started);
            pace.note_end(n == 1 ? 0 : started);
            pace.note_all_read(10);
            pace.note_end(started);
            pace.note_all_read(10);
            CHECK(pace.credits() >= WorkerPace::least);
            CHECK(pace.credits() <= WorkerPace::most);
        }
    }
}

}  // namespace
