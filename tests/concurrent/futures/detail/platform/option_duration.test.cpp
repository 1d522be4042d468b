// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/option_duration.hpp>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <ratio>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace {

using namespace concurrent::futures::detail;
using namespace std::chrono_literals;
using std::chrono::duration;
using std::chrono::nanoseconds;
using Option = OptionDuration<nanoseconds>;
using Seconds = OptionDuration<std::chrono::seconds>;

// What g++ 12 does to an aggregate in a co_await expression is right for such members (option_value.hpp).
static_assert(std::is_trivially_destructible_v<Option> && std::is_trivially_copyable_v<Option>);
static_assert(Option(5s)->count() == 5'000'000'000);
// A number without a unit is refused with a sentence: compile_fail/option_without_unit.cpp.

TEST_CASE("a duration of any unit is rounded up, and what is beyond the range becomes its limit", "[option_duration]") {
    using Samples = duration<std::int64_t, std::ratio<1, 44100>>;  // neither unit is a multiple of the other
    const auto rounded = [](auto length) { return rounded_up<nanoseconds>(length, "x"); };
    CHECK(rounded(7ns) == 7ns);
    CHECK(rounded(24h) == 24h);
    CHECK(rounded(duration<std::int64_t, std::pico>(1001)) == 2ns);
    CHECK(rounded(duration<double>(0.5)) == 500ms);
    CHECK(rounded(duration<float, std::nano>(0.25f)) == 1ns);
    CHECK(rounded(Samples(44100)) == 1s);
    CHECK(rounded(Samples(44100LL * 3600 * 24 * 365)) / 1h == 24 * 365);
    CHECK(rounded(nanoseconds::max()) == nanoseconds::max());
    CHECK(rounded(nanoseconds::min()) == nanoseconds::min());
    CHECK(rounded(std::chrono::seconds::max()) == nanoseconds::max());
    CHECK(rounded(std::chrono::seconds::min()) == nanoseconds::min());
    CHECK(rounded(std::chrono::hours::max()) == nanoseconds::max());
    CHECK(rounded(std::chrono::years::min()) == nanoseconds::min());
    CHECK(rounded(Samples::max()) == nanoseconds::max());
    CHECK(rounded(Samples::min()) == nanoseconds::min());
    CHECK(rounded(duration<double>(std::numeric_limits<double>::infinity())) == nanoseconds::max());
    CHECK(rounded(duration<double>(-std::numeric_limits<double>::infinity())) == nanoseconds::min());
    CHECK(rounded(duration<float>(std::numeric_limits<float>::max())) == nanoseconds::max());
    CHECK(rounded(duration<std::uint64_t, std::nano>(std::numeric_limits<std::uint64_t>::max())) == nanoseconds::max());
}

TEST_CASE("an option that is a duration takes any unit", "[option_duration]") {
    CHECK_FALSE(Option());
    CHECK_FALSE(Option(std::nullopt));
    CHECK(Option(5s) == 5s);
    CHECK(Option(std::chrono::hours::max()) == nanoseconds::max());
    CHECK(Option(std::optional(std::chrono::seconds::max())) == nanoseconds::max());
    CHECK_FALSE(Option(std::optional<std::chrono::seconds>()));
    CHECK(Seconds(std::chrono::hours::max()) == std::chrono::seconds::max());
    CHECK(Seconds(1ns) == 1s);
    CHECK(Option(1s) == Option(1000ms));
    CHECK(Option(1s) != Option());
    CHECK(Option() == Option());
    CHECK(Option() == std::optional<nanoseconds>());
    CHECK(Option(1s) == std::optional(1000ms));
    CHECK(Option(1s) < 2s);
    Option changed = 5s;
    changed = 7ms;
    CHECK(changed.value_or(1s) == 7ms);
    changed = {};
    CHECK(changed.value_or(1s) == 1s);
    const std::optional<nanoseconds> plain = Option(3s);
    CHECK(plain == 3s);
}

TEST_CASE("a duration that is not a number is refused with the name of the object", "[option_duration]") {
    const duration<double> nan(std::numeric_limits<double>::quiet_NaN());
    CHECK_THROWS_AS(Option(nan), std::invalid_argument);
    CHECK_THROWS_AS(Option(std::optional(nan)), std::invalid_argument);
    try {
        static_cast<void>(rounded_up<nanoseconds>(nan, "the timeout of f"));
        FAIL("accepted");
    } catch (const std::invalid_argument& error) {
        CHECK(std::string(error.what()).find("the timeout of f is not a number (NaN)") == 0);
    }
}

}  // namespace
