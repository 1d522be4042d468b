// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/serialization/scalar_codec.hpp>

#include <array>
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <complex>
#include <cstddef>
#include <limits>

#include "round_trip.hpp"

namespace {

enum class Level : std::uint16_t { low = 1, high = 40'000 };
enum Plain { first, second };
enum class Flag : bool { off, on };

}  // namespace

TEMPLATE_TEST_CASE("arithmetic types keep their extremes", "[serialization]", char, signed char,
                   unsigned char, wchar_t, char8_t, char16_t, char32_t, short, unsigned short, int,
                   unsigned, long, unsigned long, long long, unsigned long long, float, double,
                   long double) {
    using Limits = std::numeric_limits<TestType>;
    CHECK(survives(Limits::lowest()));
    CHECK(survives(Limits::max()));
    CHECK(survives(Limits::min()));
    CHECK(survives(TestType(1)));
    if constexpr (Limits::has_infinity) {
        CHECK(survives(Limits::infinity()));
        CHECK(std::isnan(round_trip(Limits::quiet_NaN())));
        CHECK(std::signbit(round_trip(TestType(-0.0))));
    }
}

TEST_CASE("a bool is 0 or 1 on the wire and nothing else is a bool", "[serialization]") {
    CHECK(round_trip(true));
    CHECK_FALSE(round_trip(false));
    CHECK(survives(Flag::on));
    const std::array hostile{std::byte{2}};
    CHECK_THROWS_AS(decoded<bool>(hostile), cf::SerializationError);
    CHECK_THROWS_AS(decoded<Flag>(hostile), cf::SerializationError);
}

TEST_CASE("enums and std::byte keep their value", "[serialization]") {
    CHECK(survives(Level::high));
    CHECK(encoded(Level::low).size() == 2);
    CHECK(survives(second));
    CHECK(survives(std::byte{0xAB}));
}

TEST_CASE("complex numbers cross, also those of long double", "[serialization]") {
    CHECK(survives(std::complex<float>(1, -2)));
    CHECK(survives(std::complex<double>(1, -2)));
    CHECK(survives(std::complex<long double>(1, -2)));
    CHECK(survives(std::vector<std::complex<double>>{{1, 2}, {3, 4}}));
    CHECK(encoded(std::complex<double>()).size() == 16);
}

TEST_CASE("the padding of long double does not leave the process", "[serialization]") {
    if constexpr (std::numeric_limits<long double>::digits == 64) {
        CHECK(encoded(1.0L).size() == 10);
    } else {
        CHECK(encoded(1.0L).size() == sizeof(long double));
    }
}
