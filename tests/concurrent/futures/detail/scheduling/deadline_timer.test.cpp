// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/scheduling/deadline_timer.hpp>

#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstddef>
#include <deque>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <stop_token>
#include <system_error>
#include <thread>

#include "support/eventually.hpp"
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

TEST_CASE("entries may come in whatever order: the one that is due is asked, and none that is gone",
          "[deadline_timer]") {
    std::array<int, 4> arrival{0, 1, 2, 3};  // 0 is due; the one named last goes again before that
    do {
        DeadlineTimer timer;
        support::Gate asked;
        std::array<std::stop_source, 4> stops;
        const std::stop_callback callback(stops[0].get_token(), [&] { asked.open(); });
        std::array<std::optional<DeadlineTimer::Entry>, 4> entries;
        const int gone = arrival.back() == 0 ? arrival.front() : arrival.back();
        for (const int number : arrival) {
            const auto place = static_cast<std::size_t>(number);
            entries[place].emplace(timer, in(number == 0 ? -1s : number * 1h), stops[place]);
            if (number == gone) entries[place].reset();
        }
        asked.wait();
        for (std::size_t far = 1; far < 4; ++far) CHECK_FALSE(stops[far].stop_requested());
    } while (std::next_permutation(arrival.begin(), arrival.end()));
}

TEST_CASE("an entry can be withdrawn until it has fired", "[deadline_timer]") {
    DeadlineTimer timer;
    std::stop_source stop, later;
    support::Gate asked;
    const std::stop_callback callback(later.get_token(), [&] { asked.open(); });
    DeadlineTimer::Entry withdrawn(timer, in(1h), stop), due(timer, in(1ms), later);
    CHECK(withdrawn.withdraw());
    CHECK(withdrawn.withdraw());
    asked.wait();
    CHECK_FALSE(due.withdraw());
    CHECK(due.fired());
    CHECK_FALSE(withdrawn.fired());
    CHECK_FALSE(stop.stop_requested());
}

TEST_CASE("a stop callback that takes its time delays no other deadline", "[deadline_timer]") {
    DeadlineTimer timer;
    std::array<support::Gate, 3> busy, go_on;
    std::array<std::stop_source, 3> stops;
    std::deque<std::stop_callback<std::function<void()>>> callbacks;
    std::deque<DeadlineTimer::Entry> entries;
    for (std::size_t i = 0; i < stops.size(); ++i) {
        callbacks.emplace_back(stops[i].get_token(), [&, i] {
            busy[i].open();
            go_on[i].wait();
        });
        entries.emplace_back(timer, in(1ms), stops[i]);
        busy[i].wait();  // though the callbacks before have not returned
    }
    CHECK(timer.runs_here() == false);
    for (support::Gate& gate : go_on) gate.open();
}

TEST_CASE("a stop callback may stop the timer that runs it, and destroy it", "[deadline_timer]") {
    auto timer = std::make_unique<DeadlineTimer>();
    std::stop_source stop;
    support::Gate entry_is_gone, over;
    bool ran_here = false;
    const std::stop_callback callback(stop.get_token(), [&] {
        entry_is_gone.wait();
        ran_here = timer->runs_here();
        timer->stop();
        timer.reset();
        over.open();
    });
    std::optional<DeadlineTimer::Entry> entry(std::in_place, *timer, in(-1s), stop);
    REQUIRE(support::eventually([&] { return entry->fired(); }));
    entry.reset();
    entry_is_gone.open();
    over.wait();
    CHECK(ran_here);
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
    support::Gate asked, added;
    std::deque<DeadlineTimer::Entry> entries;
    const std::stop_callback last(second.get_token(), [&] { asked.open(); });
    const std::stop_callback callback(first.get_token(), [&] {
        entries.emplace_back(timer, in(-1s), second);
        added.open();
    });
    const DeadlineTimer::Entry entry(timer, in(-1s), first);
    asked.wait();
    added.wait();  // another thread may have asked while the entry was being added
    CHECK(entries.front().fired());
}

TEST_CASE("a deadline beyond the end of time is the end of time", "[deadline_timer]") {
    CHECK(DeadlineTimer::deadline_after(std::chrono::nanoseconds::max()) == DeadlineTimer::Clock::time_point::max());
    CHECK(DeadlineTimer::deadline_after(1h) < in(2h));
    CHECK(DeadlineTimer::deadline_after(1h) > in(1min));
}

TEST_CASE("an entry that was withdrawn asks nobody, though it is still there when its time comes", "[deadline_timer]") {
    DeadlineTimer timer;
    for (bool withdrawn = false; !withdrawn;) {  // a slow machine may be too late
        std::stop_source stop, later;
        support::Gate asked;
        const std::stop_callback callback(later.get_token(), [&] { asked.open(); });
        DeadlineTimer::Entry entry(timer, in(10ms), stop);
        withdrawn = entry.withdraw();
        const DeadlineTimer::Entry behind(timer, in(11ms), later);
        asked.wait();
        if (withdrawn) CHECK_FALSE(stop.stop_requested());
    }
}

TEST_CASE("all entries of a timer can be served before their time", "[deadline_timer]") {
    DeadlineTimer timer;
    std::array<std::stop_source, 3> stops;
    const DeadlineTimer::Entry first(timer, in(1h), stops[0]), second(timer, in(2h), stops[1]), third(timer, in(3h), stops[2]);
    timer.fire_all();
    CHECK(std::all_of(stops.begin(), stops.end(), [](const std::stop_source& stop) { return stop.stop_requested(); }));
    CHECK((first.fired() && second.fired() && third.fired()));
}

std::size_t threads_of_this_process() {
    std::error_code error;
    const std::filesystem::directory_iterator tasks("/proc/self/task", error);
    return error ? 0 : static_cast<std::size_t>(std::distance(begin(tasks), end(tasks)));
}

TEST_CASE("deadlines one after the other are looked after by the threads that there are", "[deadline_timer]") {
    if (threads_of_this_process() == 0) SKIP("this system does not tell how many threads there are");
    DeadlineTimer timer;
    // One is started where each thread of the timer is in a callback, or has not come back from it. That becomes ever less likely.
    bool has_started_one = true;
    for (int attempt = 0; attempt < 30 && has_started_one; ++attempt) {
        const std::size_t before = threads_of_this_process();
        for (int deadline = 0; deadline < 10; ++deadline) {
            std::stop_source stop;
            support::Gate asked;
            const std::stop_callback callback(stop.get_token(), [&] { asked.open(); });
            const DeadlineTimer::Entry entry(timer, in(-1s), stop);
            asked.wait();
        }
        has_started_one = threads_of_this_process() > before;
    }
    CHECK_FALSE(has_started_one);
}

}  // namespace
