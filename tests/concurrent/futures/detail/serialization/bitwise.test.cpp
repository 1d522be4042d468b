// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/serialization/bitwise.hpp>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <complex>
#include <vector>

#include "round_trip.hpp"

namespace {

struct Padded {
    char letter;
    int number;
    bool operator==(const Padded&) const = default;
};

struct Sample {
    Sample(float first, float second) : x(first), y(second) {}
    float x, y;
    bool operator==(const Sample&) const = default;
};

}  // namespace

template <>
inline constexpr bool concurrent::futures::bitwise_serializable<Sample> = true;

TEST_CASE("only types without padding, pointers and bad values are bitwise", "[serialization]") {
    static_assert(cf::detail::Bitwise<int>);
    static_assert(cf::detail::Bitwise<const double>);
    static_assert(cf::detail::Bitwise<std::byte>);
    static_assert(cf::detail::Bitwise<std::complex<double>>);
    static_assert(cf::detail::Bitwise<std::array<std::array<float, 3>, 3>>);
    static_assert(cf::detail::Bitwise<Sample>);
    static_assert(!cf::detail::Bitwise<bool>);
    static_assert(!cf::detail::Bitwise<std::array<bool, 2>>);
    static_assert(!cf::detail::Bitwise<int*>);
    static_assert(!cf::detail::Bitwise<Padded>);
    SUCCEED();
}

TEST_CASE("the padding of structs is not sent", "[serialization]") {
    CHECK(encoded(Padded{'a', 1}).size() == 5);
    CHECK(survives(Padded{'a', 1}));
    CHECK(survives(std::vector{Padded{'a', 1}, Padded{'b', 2}}));
}

TEST_CASE("bitwise_serializable structs are copied and viewed in one piece", "[serialization]") {
    const std::vector<Sample> samples = {{1, 2}, {3, 4}};
    CHECK(encoded(samples).size() == 8 + 2 * sizeof(Sample));
    const auto bytes = encoded(samples);
    CHECK(decoded<std::vector<Sample>>(bytes) == samples);
    cf::Decoder decoder(bytes);
    const auto view = decoder.decode_view<std::span<const Sample>>();
    REQUIRE(view.size() == 2);
    CHECK(view[1] == Sample(3, 4));
    CHECK(survives(Sample(5, 6)));
}
