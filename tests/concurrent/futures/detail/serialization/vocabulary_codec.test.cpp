// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/serialization/vocabulary_codec.hpp>

#include <array>
#include <bitset>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <filesystem>
#include <forward_list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <variant>

#include "round_trip.hpp"

using namespace std::chrono_literals;

namespace {

struct ThrowsWhenCopied {
    ThrowsWhenCopied() = default;
    ThrowsWhenCopied(const ThrowsWhenCopied&) { throw 1; }
    template <class Archive>
    void serialize(Archive&) {}
};

struct ForeignCategory : std::error_category {
    const char* name() const noexcept override { return "foreign"; }
    std::string message(int) const override { return "foreign error"; }
};

}  // namespace

TEST_CASE("optionals keep their value or its absence", "[serialization]") {
    CHECK(survives(std::optional<int>()));
    CHECK(survives(std::optional<std::string>("x")));
    CHECK(survives(std::optional<std::optional<int>>(std::optional<int>())));
    CHECK(*round_trip(std::optional(std::make_unique<int>(3))).value() == 3);
    const std::array hostile{std::byte{2}, std::byte{0}, std::byte{0}, std::byte{0}, std::byte{0}};
    CHECK_THROWS_AS(decoded<std::optional<int>>(hostile), cf::SerializationError);
}

TEST_CASE("variants keep their alternative, also among equal types", "[serialization]") {
    using Variant = std::variant<std::monostate, int, std::string, int>;
    CHECK(survives(Variant()));
    CHECK(survives(Variant("text")));
    CHECK(survives(Variant(std::in_place_index<3>, 7)));
    CHECK(round_trip(Variant(std::in_place_index<3>, 7)).index() == 3);
    cf::Encoder encoder;
    encoder(std::uint32_t{4}, 1);
    CHECK_THROWS_AS(decoded<Variant>(encoder.bytes()), cf::SerializationError);
}

TEST_CASE("a variant without value is refused by name", "[serialization]") {
    std::variant<int, ThrowsWhenCopied> variant;
    const ThrowsWhenCopied original;
    try {
        variant.emplace<1>(original);
    } catch (int) {
    }
    REQUIRE(variant.valueless_by_exception());
    CHECK_THROWS_AS(encoded(variant), cf::SerializationError);
}

TEST_CASE("tuples, pairs and arrays keep their elements", "[serialization]") {
    CHECK(survives(std::tuple<>()));
    CHECK(survives(std::tuple<int>(1)));
    CHECK(survives(std::tuple<std::tuple<int>>(std::tuple<int>(1))));
    CHECK(survives(std::tuple<int, std::string, std::vector<double>>(1, "two", {3})));
    CHECK(survives(std::pair<const int, std::string>(1, "x")));
    CHECK(survives(std::array<std::string, 3>{"a", "b", "c"}));
    CHECK(survives(std::array<std::array<bool, 2>, 2>{{{true, false}, {false, true}}}));
    CHECK(survives(std::array<double, 3>{1, 2, 3}));
    CHECK(survives(std::array<std::string, 0>{}));
    CHECK(encoded(std::tuple<char, int>()).size() == 5);
}

TEST_CASE("durations and time points keep their count", "[serialization]") {
    CHECK(survives(std::chrono::nanoseconds(123)));
    CHECK(survives(-5h));
    CHECK(survives(std::chrono::duration<double>(0.5)));
    CHECK(survives(std::chrono::system_clock::now()));
    CHECK(survives(std::chrono::steady_clock::now()));
}

TEST_CASE("bitsets of any size keep their bits", "[serialization]") {
    CHECK(survives(std::bitset<0>()));
    CHECK(survives(std::bitset<1>(1)));
    CHECK(survives(std::bitset<8>(0xA5)));
    CHECK(survives(std::bitset<13>(0x1234)));
    CHECK(survives(std::bitset<200>().set(199).set(64)));
    CHECK(encoded(std::bitset<13>()).size() == 2);
}

TEST_CASE("paths cross without this library including their header", "[serialization]") {
    CHECK(survives(std::filesystem::path()));
    CHECK(survives(std::filesystem::path("/tmp") / "file.txt"));
    CHECK(survives(std::vector<std::filesystem::path>{"a", "b"}));
}

TEST_CASE("error codes of the two known categories cross, others are refused", "[serialization]") {
    CHECK(survives(std::error_code()));
    CHECK(survives(std::make_error_code(std::errc::permission_denied)));
    CHECK(survives(std::error_code(12, std::system_category())));
    const ForeignCategory foreign;
    CHECK_THROWS_AS(encoded(std::error_code(1, foreign)), cf::SerializationError);
    cf::Encoder encoder;
    encoder(char{2}, 1);
    CHECK_THROWS_AS(decoded<std::error_code>(encoder.bytes()), cf::SerializationError);
}

TEST_CASE("parts of pairs, variants, maps and sets may be larger than a stack", "[serialization]") {
    using Large = std::array<int, 3 << 20>;  // 12 MiB
    const auto large = std::make_unique<Large>();
    large->front() = 5;
    large->back() = 7;
    const auto pair = std::make_unique<std::pair<Large, int>>(*large, 3);
    const auto pair_there = round_trip(pair);
    CHECK((pair_there->first == *large));
    CHECK(pair_there->second == 3);
    const auto variant = std::make_unique<std::variant<int, Large>>(std::in_place_index<1>, *large);
    CHECK((std::get<1>(*round_trip(variant)) == *large));
    std::map<Large, int> map;
    map.emplace(*large, 4);
    const auto map_there = round_trip(map);
    CHECK((map_there.begin()->first == *large));
    CHECK(map_there.begin()->second == 4);
    CHECK((*round_trip(std::set<Large>(large.get(), large.get() + 1)).begin() == *large));
    CHECK((round_trip(std::forward_list<Large>(large.get(), large.get() + 1)).front() == *large));
}
