// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/scheduling/deadline_timer.hpp>

#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "support/gate.hpp"

namespace {

using concurrent::futures::detail::DeadlineTimer;
using namespace std::chrono_literals;

DeadlineTimer::Clock::time_point in(std::chrono::nanoseconds duration) {
    return DeadlineTimer::Clock::now() + duration;
}

TEST_CASE("an entry whose time is up asks to stop, on another thread", "[deadline_timer]") {
    DeadlineTimer timer;
    std::stop_source stop;
    support::Gate asked;
    std::thread::id asked_in;
    const std::stop_callback callback(stop.get_token(), [&] {
        asked_in = std::this_thread::get_id();
        asked.open();
    });
    const DeadlineTimer::Entry entry(timer, in(-1s), stop);
    asked.wait();
    CHECK(entry.fired());
    CHECK(stop.stop_requested());
    CHECK(asked_in != std::this_thread::get_id());
}

TEST_CASE("an entry that is gone in time asks nobody", "[deadline_timer]") {
    DeadlineTimer timer;
    std::stop_source stop, later;
    support::Gate asked;
    const std::stop_callback callback(later.get_token(), [&] { asked.open(); });
    {
        const DeadlineTimer::Entry entry(timer, in(1h), stop);
        CHECK_FALSE(entry.fired());
    }
    const DeadlineTimer::Entry entry(timer, in(1ms), later);
    asked.wait();
    CHECK_FALSE(stop.stop_requested());
}

TEST_CASE("an earlier deadline that comes later is served first", "[deadline_timer]") {
    DeadlineTimer timer;
    std::stop_source late, early;
    const DeadlineTimer::Entry far(timer, in(1h), late);
    support::Gate asked;
    const std::stop_callback callback(early.get_token(), [&] { asked.open(); });
    const DeadlineTimer::Entry near(timer, in(1ms), early);
    asked.wait();
    CHECK(near.fired());
    CHECK_FALSE(far.fired());
    CHECK_FALSE(late.stop_requested());
}

TEST_CASE("entries that came in whatever order are asked in that of their deadlines, without those that are gone",
          "[deadline_timer]") {
    std::array<int, 4> arrival{0, 1, 2, 3};  // of the deadlines; the one named last goes again
    do {
        DeadlineTimer timer;
        support::Gate busy, go_on, all_asked;
        std::stop_source first;
        const std::stop_callback hold(first.get_token(), [&] {
            busy.open();
            go_on.wait();
        });
        const DeadlineTimer::Entry holding(timer, in(-1h), first);
        busy.wait();

        std::vector<int> asked;  // by the timer's thread, which all_asked hands over
        std::array<std::stop_source, 4> stops;
        const auto note = [&](int number) {
            return [&, number] {
                asked.push_back(number);
                if (asked.size() == 3) all_asked.open();
            };
        };
        using Callback = std::stop_callback<decltype(note(0))>;
        std::deque<Callback> callbacks;
        std::array<std::optional<DeadlineTimer::Entry>, 4> entries;
        for (const int number : arrival) {
            const auto place = static_cast<std::size_t>(number);
            callbacks.emplace_back(stops[place].get_token(), note(number));
            entries[place].emplace(timer, in(-1min + number * 1s), stops[place]);
        }
        entries[static_cast<std::size_t>(arrival.back())].reset();
        go_on.open();
        all_asked.wait();
        std::vector<int> expected{0, 1, 2, 3};
        std::erase(expected, arrival.back());
        CHECK(asked == expected);
    } while (std::next_permutation(arrival.begin(), arrival.end()));
}

TEST_CASE("stop() ends the thread, more than once and without entries", "[deadline_timer]") {
    DeadlineTimer unused;
    unused.stop();
    DeadlineTimer timer;
    {
        const DeadlineTimer::Entry entry(timer, in(1h), std::stop_source());
    }
    timer.stop();
    timer.stop();
}

TEST_CASE("stop callbacks run without the timer's lock", "[deadline_timer]") {
    DeadlineTimer timer;
    std::stop_source first, second;
    support::Gate asked;
    std::deque<DeadlineTimer::Entry> entries;
    const std::stop_callback last(second.get_token(), [&] { asked.open(); });
    const std::stop_callback callback(first.get_token(), [&] { entries.emplace_back(timer, in(-1s), second); });
    const DeadlineTimer::Entry entry(timer, in(-1s), first);
    asked.wait();
    CHECK(entries.front().fired());
}

TEST_CASE("a deadline beyond the end of time is the end of time", "[deadline_timer]") {
    CHECK(DeadlineTimer::deadline_after(std::chrono::nanoseconds::max()) == DeadlineTimer::Clock::time_point::max());
    CHECK(DeadlineTimer::deadline_after(1h) < in(2h));
    CHECK(DeadlineTimer::deadline_after(1h) > in(1min));
}

}  // namespace
