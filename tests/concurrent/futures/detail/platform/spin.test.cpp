// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/spin.hpp>

#include <catch2/catch_test_macros.hpp>
#include <chrono>

namespace {

using namespace std::chrono_literals;
using concurrent::futures::detail::YieldPace;
using concurrent::futures::detail::spin_until;
using concurrent::futures::detail::spinning_pays;

TEST_CASE("spinning ends as soon as the condition holds", "[spin]") {
    int looks = 0;
    CHECK(spin_until([&] { return ++looks == 1; }));
    CHECK(looks == 1);
}

TEST_CASE("spinning gives up on a condition that never holds", "[spin]") {
    int looks = 0;
    CHECK_FALSE(spin_until([&] {
        ++looks;
        return false;
    }));
    CHECK(looks >= (spinning_pays() ? 32 : 1));
}

TEST_CASE("a thread does not spin for a while after some slow yields in a row", "[spin]") {
    YieldPace pace;
    YieldPace::Time now(1h);
    const auto yield_for = [&](std::chrono::nanoseconds time) {
        const auto begin = now;
        now += time;
        pace.note(begin, now);
        return pace.allows_spinning(now);
    };
    CHECK(yield_for(1ms));
    CHECK(yield_for(1ms));
    CHECK(yield_for(1us));  // one that is quick: the processors are not busy
    CHECK(yield_for(1ms));
    CHECK(yield_for(1ms));
    CHECK(!yield_for(1ms));
    now += 10s;
    CHECK(pace.allows_spinning(now));
    CHECK(!yield_for(1ms));  // they still are
    now += 10s;
    CHECK(yield_for(1us));
    CHECK(yield_for(1ms));
}

}  // namespace
