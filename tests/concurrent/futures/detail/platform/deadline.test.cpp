// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/deadline.hpp>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <ratio>
#include <stdexcept>

namespace {

using concurrent::futures::detail::Deadline;
using namespace std::chrono_literals;

TEST_CASE("never does not pass", "[deadline]") {
    CHECK(Deadline::never().is_never());
    CHECK_FALSE(Deadline::never().passed());
    CHECK(Deadline::after(std::optional<std::chrono::seconds>()).is_never());
}

TEST_CASE("zero and negative durations have passed", "[deadline]") {
    CHECK(Deadline::after(0s).passed());
    CHECK(Deadline::after(-1ns).passed());
    CHECK(Deadline::after(-1h).passed());
    CHECK(Deadline::after(std::chrono::nanoseconds::min()).passed());
    CHECK(Deadline::after(std::chrono::seconds::min()).passed());
    CHECK(Deadline::after(std::chrono::hours::min()).passed());
    CHECK(Deadline::after(-std::chrono::duration<double>(1e300)).passed());
    CHECK(Deadline::after(0s).left() == Deadline::Clock::duration::zero());
}

TEST_CASE("durations too long for the clock mean for ever", "[deadline]") {
    CHECK(Deadline::after(std::chrono::nanoseconds::max()).is_never());
    CHECK(Deadline::after(std::chrono::seconds::max()).is_never());
    CHECK(Deadline::after(std::chrono::hours::max()).is_never());
    CHECK(Deadline::after(std::chrono::duration<double>(1e300)).is_never());
    CHECK(Deadline::after(std::chrono::duration<double>::max()).is_never());
    CHECK(Deadline::after(std::optional(std::chrono::years(1000))).is_never());
}

TEST_CASE("a duration that is not a number is refused", "[deadline]") {
    const std::chrono::duration<double> nan(std::numeric_limits<double>::quiet_NaN());
    CHECK_THROWS_AS(Deadline::after(nan), std::invalid_argument);
    CHECK_THROWS_AS(Deadline::after(-nan), std::invalid_argument);
    CHECK_THROWS_AS(Deadline::after(std::optional(std::chrono::duration<float, std::milli>(nan))),
                    std::invalid_argument);
    CHECK_THROWS_AS(Deadline::until(std::chrono::time_point<std::chrono::system_clock, std::chrono::duration<double>>(nan)),
                    std::invalid_argument);
    CHECK(Deadline::after(std::chrono::duration<double>(std::numeric_limits<double>::infinity())).is_never());
    CHECK(Deadline::after(std::chrono::duration<double>(-std::numeric_limits<double>::infinity())).passed());
}

TEST_CASE("a deadline lies as far ahead as it was set", "[deadline]") {
    const auto before = Deadline::Clock::now();
    const Deadline deadline = Deadline::after(1h);
    const auto after = Deadline::Clock::now();
    REQUIRE_FALSE(deadline.is_never());
    CHECK_FALSE(deadline.passed());
    CHECK(deadline.at() >= before + 1h);
    CHECK(deadline.at() <= after + 1h);
    CHECK(deadline.left() <= 1h);
    CHECK(deadline.left() > 59min);
}

TEST_CASE("a time of any clock is a deadline, however far it is", "[deadline]") {
    using SystemClock = std::chrono::system_clock;
    CHECK(Deadline::until(SystemClock::now() - 1h).passed());
    CHECK(Deadline::until(SystemClock::time_point::min()).passed());
    CHECK(Deadline::until(std::chrono::steady_clock::time_point::min()).passed());
    CHECK_FALSE(Deadline::until(SystemClock::time_point::max()).passed());
    const auto left = Deadline::until(SystemClock::now() + 1h).left();
    CHECK(left > 59min);
    CHECK(left < 61min);
}

TEST_CASE("fractions are rounded away from now", "[deadline]") {
    const auto before = Deadline::Clock::now();
    CHECK(Deadline::after(std::chrono::duration<double, std::nano>(0.25)).at() > before);
    CHECK(Deadline::after(std::chrono::years(10)).at() > before + std::chrono::years(9));
}

TEST_CASE("a time in a unit that is no multiple of the clock's is a deadline", "[deadline]") {
    using Samples = std::chrono::duration<std::int64_t, std::ratio<1, 44100>>;
    using Time = std::chrono::time_point<std::chrono::system_clock, Samples>;
    CHECK(Deadline::after(Samples::max()).is_never());
    CHECK(Deadline::after(Samples::min()).passed());
    CHECK(Deadline::after(Samples(44100LL * 3600 * 24 * 365)).left() > 24h * 364);
    CHECK(Deadline::until(Time(Samples(44100LL * 3600 * 24 * 365 * 29))).is_never() == false);
    CHECK(Deadline::until(Time(Samples(0))).passed());
}

}  // namespace
