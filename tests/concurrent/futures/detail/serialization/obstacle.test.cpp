// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/serialization/obstacle.hpp>

#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "round_trip.hpp"

namespace {

struct Inner {
    int* pointer;
};
struct Outer {
    int number;
    std::vector<std::map<std::string, Inner>> inners;
};
struct Tree {
    int value;
    std::vector<Tree> children;
    std::unique_ptr<Tree> parent;
};
struct BadTree {
    std::vector<BadTree> children;
    std::function<void()> callback;
};
struct Base {
    virtual ~Base() = default;
};
struct Final final : Base {};
struct ConstReference {
    const std::string& text;
};
struct MutableReference {
    int& number;
};
struct NeedsArgument {
    explicit NeedsArgument(int);
    template <class Archive>
    void serialize(Archive&) {}
};
union Union {
    int number;
    float real;
};

template <class T>
using DecodeObstacle = cf::detail::Obstacle<cf::detail::Direction::decode, T>;
template <class T>
using EncodeObstacle = cf::detail::Obstacle<cf::detail::Direction::encode, T>;

}  // namespace

TEST_CASE("the obstacle is the innermost part that cannot cross", "[serialization]") {
    static_assert(std::is_same_v<DecodeObstacle<Outer>, int*>);
    static_assert(std::is_same_v<EncodeObstacle<Outer>, int*>);
    static_assert(std::is_same_v<DecodeObstacle<BadTree>, std::function<void()>>);
    static_assert(std::is_same_v<DecodeObstacle<std::tuple<int, std::string&>>, std::string&>);
    static_assert(std::is_same_v<DecodeObstacle<ConstReference>, const std::string&>);
    static_assert(std::is_void_v<DecodeObstacle<Tree>>);
    SUCCEED();
}

TEST_CASE("Serializable tells what may cross", "[serialization]") {
    static_assert(cf::Serializable<int>);
    static_assert(cf::Serializable<Tree>);
    static_assert(cf::Serializable<std::unique_ptr<const std::string>>);
    static_assert(cf::Serializable<std::optional<std::vector<std::pair<const int, double>>>>);
    static_assert(!cf::Serializable<void>);
    static_assert(!cf::Serializable<int&>);
    static_assert(!cf::Serializable<int[3]>);
    static_assert(!cf::Serializable<const char*>);
    static_assert(!cf::Serializable<int (*)()>);
    static_assert(!cf::Serializable<int Tree::*>);
    static_assert(!cf::Serializable<std::reference_wrapper<int>>);
    static_assert(!cf::Serializable<std::function<int()>>);
    static_assert(!cf::Serializable<MutableReference>);
    static_assert(!cf::Serializable<NeedsArgument>);
    static_assert(!cf::Serializable<Union>);
    static_assert(!cf::Serializable<std::mutex>);
    static_assert(!cf::Serializable<std::thread>);
    static_assert(!cf::Serializable<std::weak_ptr<int>>);
    static_assert(!cf::Serializable<std::unique_ptr<int[]>>);
    static_assert(!cf::Serializable<std::unique_ptr<int, void (*)(int*)>>);
    SUCCEED();
}

TEST_CASE("closures do not cross, whatever they capture", "[serialization]") {
    int number = 3;
    auto by_value = [number] { return number; };
    auto by_reference = [&number] { return number; };
    static_assert(!cf::Serializable<decltype(by_value)>);
    static_assert(!cf::Serializable<decltype(by_reference)>);
    CHECK(by_value() == by_reference());
}

TEST_CASE("a pointer to a polymorphic class crosses only if the class is final",
          "[serialization]") {
    static_assert(!cf::Serializable<std::unique_ptr<Base>>);
    static_assert(!cf::Serializable<std::shared_ptr<Base>>);
    // Final is no obstacle as a pointee; that it is no plain aggregate is.
    static_assert(std::is_same_v<DecodeObstacle<std::unique_ptr<Final>>, Final>);
    SUCCEED();
}

TEST_CASE("views may be encoded but not decoded as values", "[serialization]") {
    static_assert(cf::detail::is_encodable<std::string_view>);
    static_assert(cf::detail::is_encodable<std::span<const double>>);
    static_assert(!cf::Serializable<std::string_view>);
    static_assert(!cf::Serializable<std::vector<std::string_view>>);
    static_assert(cf::detail::is_decodable_view<std::span<const double>>);
    static_assert(!cf::detail::is_decodable_view<std::span<double>>);
    static_assert(!cf::detail::is_decodable_view<std::span<const std::string>>);
    SUCCEED();
}
