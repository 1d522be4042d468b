// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/serialization/aggregate_codec.hpp>

#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "round_trip.hpp"

namespace {

struct Point {
    int x;
    double y;
    bool operator==(const Point&) const = default;
};
struct Job {
    std::string name;
    std::vector<Point> points;
    std::optional<Point> origin;
    std::map<std::string, Point> named;
    const int version = 1;
    bool operator==(const Job&) const = default;
};
struct Empty {
    bool operator==(const Empty&) const = default;
};
struct Arrays {
    char name[8];
    double matrix[2][2];
    std::string words[2];
    Point points[2];
    int last;
};
struct BitFields {
    unsigned low : 3;
    unsigned high : 5;
    bool flag : 1;
};
struct Tree {
    int value;
    std::vector<Tree> children;
    bool operator==(const Tree&) const = default;
};
struct MoveOnly {
    std::unique_ptr<int> pointer;
    int number;
};
struct Functor {
    int factor;
    int operator()(int number) const { return factor * number; }
};

}  // namespace

TEST_CASE("a struct of public members crosses without code", "[serialization]") {
    CHECK(survives(Point{1, 2.5}));
    CHECK(survives(Job{"a", {{1, 2}, {3, 4}}, Point{5, 6}, {{"p", {7, 8}}}, 9}));
    CHECK(survives(Empty{}));
    CHECK(encoded(Empty{}).size() == 0);
    CHECK(encoded(Point{}).size() == sizeof(int) + sizeof(double));
}

TEST_CASE("C arrays, of several dimensions too, cross as members", "[serialization]") {
    Arrays arrays{"abc", {{1, 2}, {3, 4}}, {"x", "y"}, {{1, 2}, {3, 4}}, 5};
    const Arrays result = round_trip(arrays);
    CHECK(std::strcmp(result.name, "abc") == 0);
    CHECK(result.matrix[1][0] == 3);
    CHECK(result.words[1] == "y");
    CHECK(result.points[1] == Point{3, 4});
    CHECK(result.last == 5);
}

TEST_CASE("bit-fields cross", "[serialization]") {
    const BitFields result = round_trip(BitFields{5, 17, true});
    CHECK(result.low == 5);
    CHECK(result.high == 17);
    CHECK(result.flag);
}

TEST_CASE("recursive structs cross", "[serialization]") {
    CHECK(survives(Tree{1, {{2, {}}, {3, {{4, {}}}}}}));
}

TEST_CASE("move-only members cross", "[serialization]") {
    CHECK(*round_trip(MoveOnly{std::make_unique<int>(4), 5}).pointer == 4);
}

TEST_CASE("a struct with operator() carries its members: a closure that crosses",
          "[serialization]") {
    CHECK(round_trip(Functor{3})(4) == 12);
}
