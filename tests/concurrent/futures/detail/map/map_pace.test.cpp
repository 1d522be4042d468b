// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/map/map_pace.hpp>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstddef>

namespace {

using concurrent::futures::detail::MapPace;

TEST_CASE("as long as few items have ended, each has its own task", "[map_pace]") {
    MapPace pace(2, 2);
    for (std::size_t ended = 0; ended < 16; ++ended) CHECK(pace.items_per_task(ended) == 1);
}

TEST_CASE("until a hundred items have ended, each has its own task, however few the workers", "[map_pace]") {
    for (const std::size_t workers : {1u, 2u, 4u, 13u, 64u}) {
        MapPace pace(workers, workers);
        for (std::size_t ended = 0; ended < 100; ++ended) {
            CAPTURE(workers, ended);
            CHECK(pace.items_per_task(ended) == 1);
        }
    }
}

TEST_CASE("short items travel together, by no more than the evidence", "[map_pace]") {
    bool together = false;
    // A thread that loses its processor between the questions makes the items look long: then once more.
    for (int attempt = 0; !together && attempt < 100; ++attempt) {
        MapPace pace(2, 2);
        pace.items_per_task(16);
        // A thousand more at once: as short as can be.
        together = pace.items_per_task(1'000) > 1;
        CHECK(pace.items_per_task(1'000) <= 1'000 / 8);
        CHECK(pace.items_per_task(1'000'000) <= 1'024);
    }
    CHECK(together);
}

TEST_CASE("long items travel alone", "[map_pace]") {
    MapPace pace(1, 1);
    pace.items_per_task(100);
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(2);
    while (std::chrono::steady_clock::now() < end) {
    }
    CHECK(pace.items_per_task(110) == 1);  // 200 µs each, at least
}

TEST_CASE("the pace is not settled before enough items have ended", "[map_pace]") {
    MapPace pace(2, 2);
    for (std::size_t ended = 0; ended < 16; ++ended) {
        pace.items_per_task(ended);
        CHECK_FALSE(pace.is_settled());
    }
    pace.items_per_task(16);
    CHECK_FALSE(pace.is_settled());  // two of 1024
    // A thread that loses its processor between the questions makes the items look long: then once more.
    bool settled = false;
    for (int attempt = 0; !settled && attempt < 100; ++attempt) {
        pace = MapPace(2, 2);
        pace.items_per_task(10'000);
        pace.items_per_task(1'000'000);
        settled = pace.is_settled();
    }
    CHECK(settled);
}

TEST_CASE("more workers than processors do not make items look longer", "[map_pace]") {
    bool together = false;
    // As above: a thread that loses its processor makes the items look long.
    for (int attempt = 0; !together && attempt < 100; ++attempt) {
        MapPace crowded(1'000, 2);
        crowded.items_per_task(100'000);
        const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(1);
        while (std::chrono::steady_clock::now() < end) {
        }
        together = crowded.items_per_task(200'000) > 10;  // 10 ns each; as many times that as workers would be 10 µs
    }
    CHECK(together);
}

TEST_CASE("the pace of long items is settled", "[map_pace]") {
    MapPace pace(1, 1);
    pace.items_per_task(20);
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(2);
    while (std::chrono::steady_clock::now() < end) {
    }
    CHECK(pace.items_per_task(24) == 1);
    CHECK_FALSE(pace.is_settled());  // four items may be four hiccups
    CHECK(pace.items_per_task(36) == 1);
    CHECK(pace.is_settled());
}

TEST_CASE("while no item ends, the pace gets slower only after a moment", "[map_pace]") {
    namespace tuning = concurrent::futures::detail::tuning;
    using Clock = std::chrono::steady_clock;
    constexpr std::size_t items = 100'000;
    MapPace pace(1, 1);
    const Clock::time_point begin = Clock::now();
    pace.items_per_task(100);
    pace.items_per_task(100 + items);
    const Clock::time_point last_news = Clock::now();
    while (Clock::now() < last_news + 3 * tuning::map_hiccup) {
    }
    const std::size_t answer = pace.items_per_task(100 + items);
    // All that the clock says is at most this, however long the thread had no processor.
    const std::chrono::duration<double, std::nano> longest = Clock::now() - begin - tuning::map_hiccup;
    CHECK(static_cast<double>(answer) + 1 >= tuning::map_chunk / (longest.count() / items));
}

}  // namespace
