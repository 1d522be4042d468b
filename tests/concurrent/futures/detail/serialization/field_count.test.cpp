// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/serialization/field_count.hpp>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace {

using concurrent::futures::detail::field_count;
using concurrent::futures::detail::PlainAggregate;
using concurrent::futures::detail::unreadable;

struct Empty {};
struct One {
    int a;
};
struct Vocabulary {
    std::string a;
    std::vector<One> b;
    std::optional<int> c;
    std::variant<int, std::string> d;
    std::unique_ptr<int> e;
    std::filesystem::path f;
    std::map<std::string, int> g;
    std::chrono::seconds h;
    std::tuple<int, std::string> i;
    std::function<void()> j;
    std::array<int, 3> k;
    std::shared_ptr<int> l;
    std::pair<int, int> m;
};
struct Arrays {
    char a[16];
    double b[2][3];
    int c;
    One d[2];
    std::string e[3];
};
struct LongArray {
    int a;
    char b[1500];
};
struct BitFields {
    unsigned a : 3;
    unsigned b : 5;
    bool c : 1;
};
struct NoDefault {
    explicit NoDefault(int);
};
struct NeedsValues {
    NoDefault a;
    int b;
    NoDefault c;
};
struct NeedsValuesAndArray {
    NoDefault a;
    int b[3];
    NoDefault c;
};
struct Initialized {
    int a = 3;
    std::string b = "b";
    const int c = 1;
};
struct Recursive {
    std::vector<Recursive> a;
    std::unique_ptr<Recursive> b;
};
struct Nested {
    One a;
    Empty b;
    Initialized c;
};
struct Reference {
    const std::string& a;
    int&& b;
};
struct Derived : One {
    int b;
};
struct DerivedFromEmpty : Empty {
    int b;
};
struct DerivedOnly : One {};
struct Constructed {
    Constructed() {}
    int a = 0;
};
class Private {
    [[maybe_unused]] int a = 0;
};
struct ThirtyTwo {
    int a1, a2, a3, a4, a5, a6, a7, a8, b1, b2, b3, b4, b5, b6, b7, b8;
    int c1, c2, c3, c4, c5, c6, c7, c8, d1, d2, d3, d4, d5, d6, d7, d8;
};
struct ThirtyThree {
    int a1, a2, a3, a4, a5, a6, a7, a8, b1, b2, b3, b4, b5, b6, b7, b8;
    int c1, c2, c3, c4, c5, c6, c7, c8, d1, d2, d3, d4, d5, d6, d7, d8;
    int e;
};

}  // namespace

TEST_CASE("the fields of an aggregate are counted exactly", "[serialization]") {
    static_assert(field_count<Empty> == 0);
    static_assert(field_count<One> == 1);
    static_assert(field_count<Vocabulary> == 13);
    static_assert(field_count<BitFields> == 3);
    static_assert(field_count<NeedsValues> == 3);
    static_assert(field_count<Initialized> == 3);
    static_assert(field_count<Recursive> == 2);
    static_assert(field_count<Nested> == 3);
    static_assert(field_count<ThirtyTwo> == 32);
    SUCCEED();
}

TEST_CASE("a C array is one field, however many initializers it takes", "[serialization]") {
    static_assert(field_count<Arrays> == 5);
    static_assert(field_count<LongArray> == 2);
    static_assert(field_count<NeedsValuesAndArray> == 3);
    SUCCEED();
}

TEST_CASE("base classes, constructors and private members make no plain aggregate",
          "[serialization]") {
    static_assert(field_count<Derived> == unreadable);
    static_assert(field_count<DerivedFromEmpty> == unreadable);
    static_assert(field_count<DerivedOnly> == unreadable);
    static_assert(!PlainAggregate<Derived>);
    static_assert(!PlainAggregate<Constructed>);
    static_assert(!PlainAggregate<Private>);
    static_assert(PlainAggregate<ThirtyTwo>);
    static_assert(!PlainAggregate<ThirtyThree>);
    SUCCEED();
}
