// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/serialization/pointer_codec.hpp>

#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <string>
#include <utility>

#include "round_trip.hpp"

namespace {

struct List {
    int value;
    std::unique_ptr<List> next;
};

}  // namespace

TEST_CASE("smart pointers cross by value, null included", "[serialization]") {
    CHECK(*round_trip(std::make_unique<std::string>("x")) == "x");
    CHECK(*round_trip(std::make_shared<const int>(3)) == 3);
    CHECK(round_trip(std::unique_ptr<int>()) == nullptr);
    CHECK(round_trip(std::shared_ptr<int>()) == nullptr);
    const auto nested = std::make_unique<std::unique_ptr<int>>(std::make_unique<int>(1));
    CHECK(**round_trip(nested) == 1);
}

TEST_CASE("two pointers to one object arrive as two objects", "[serialization]") {
    const auto shared = std::make_shared<int>(3);
    const auto [first, second] = round_trip(std::pair(shared, shared));
    CHECK(*first == *second);
    CHECK(first != second);
}

TEST_CASE("a linked list crosses up to the nesting limit", "[serialization]") {
    std::unique_ptr<List> list;
    for (int length = 1; length <= 255; ++length) {
        list = std::make_unique<List>(List{length, std::move(list)});
    }
    auto result = round_trip(list);
    CHECK(result->value == 255);
    CHECK(result->next->next->value == 253);
    list = std::make_unique<List>(List{256, std::move(list)});
    CHECK_THROWS_AS(encoded(list), cf::SerializationError);
}

TEST_CASE("the flag of a pointer is checked", "[serialization]") {
    cf::Encoder encoder;
    encoder(char{3}, 1);
    CHECK_THROWS_AS(decoded<std::unique_ptr<int>>(encoder.bytes()), cf::SerializationError);
}
