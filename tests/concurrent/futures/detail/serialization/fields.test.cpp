// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/serialization/fields.hpp>

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <type_traits>

namespace {

using concurrent::futures::detail::field_types;
using concurrent::futures::detail::TypeList;
using concurrent::futures::detail::visit_fields;

struct Three {
    int a;
    const std::string b;
    double c[2];
};
struct Reference {
    const std::string& a;
};
struct ThirtyTwo {
    int a1, a2, a3, a4, a5, a6, a7, a8, b1, b2, b3, b4, b5, b6, b7, b8;
    int c1, c2, c3, c4, c5, c6, c7, c8, d1, d2, d3, d4, d5, d6, d7, d8;
};

}  // namespace

TEST_CASE("the types of fields are those that were declared", "[serialization]") {
    static_assert(std::is_same_v<decltype(field_types<Reference>()), TypeList<const std::string&>>);
    Three three{1, "two", {3, 4}};
    visit_fields(three, [](auto types, const auto&... fields) {
        static_assert(std::is_same_v<decltype(types), TypeList<int, const std::string, double[2]>>);
        static_assert(sizeof...(fields) == 3);
    });
    SUCCEED();
}

TEST_CASE("fields are visited in order and in place", "[serialization]") {
    ThirtyTwo value{};
    visit_fields(value, [](auto, auto&... fields) {
        int number = 0;
        ((fields = ++number), ...);
    });
    CHECK(value.a1 == 1);
    CHECK(value.b8 == 16);
    CHECK(value.d8 == 32);
}
