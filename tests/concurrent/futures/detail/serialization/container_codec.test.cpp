// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/serialization/container_codec.hpp>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <deque>
#include <forward_list>
#include <list>
#include <map>
#include <memory>
#include <queue>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "round_trip.hpp"

namespace {

/// Remembers the largest block that was asked for.
std::size_t largest_allocation = 0;

template <class T>
struct WatchingAllocator {
    using value_type = T;
    WatchingAllocator() = default;
    template <class U>
    WatchingAllocator(const WatchingAllocator<U>&) {}
    T* allocate(std::size_t count) {
        largest_allocation = std::max(largest_allocation, count * sizeof(T));
        return std::allocator<T>().allocate(count);
    }
    void deallocate(T* place, std::size_t count) { std::allocator<T>().deallocate(place, count); }
    bool operator==(const WatchingAllocator&) const = default;
};

struct Wide {
    std::optional<std::array<double, 1'000>> maybe;
};

struct NamedVector : std::vector<int> {
    std::string name;
};

}  // namespace

TEST_CASE("sequences keep their elements in order", "[serialization]") {
    CHECK(survives(std::deque<int>{1, 2, 3}));
    CHECK(survives(std::list<std::string>{"a", "b"}));
    CHECK(survives(std::forward_list<int>{3, 1, 2}));
    CHECK(survives(std::vector<std::string>{"a", "", "c"}));
    CHECK(survives(std::vector<bool>{true, false, true}));
    CHECK(survives(std::list<std::vector<bool>>{{true}, {}}));
}

TEST_CASE("sets and maps keep their elements", "[serialization]") {
    CHECK(survives(std::set<std::string>{"a", "b"}));
    CHECK(survives(std::multiset<int>{1, 1, 2}));
    CHECK(survives(std::unordered_set<int>{1, 2, 3}));
    CHECK(survives(std::unordered_multiset<int>{1, 1, 3}));
    CHECK(survives(std::map<std::string, std::vector<int>>{{"a", {1}}, {"b", {}}}));
    CHECK(survives(std::multimap<int, std::string>{{1, "x"}, {1, "y"}}));
    CHECK(survives(std::unordered_map<std::string, double>{{"a", 1}, {"b", 2}}));
    CHECK(survives(std::unordered_multimap<int, int>{{1, 2}, {1, 3}}));
    CHECK(survives(std::map<int, int, std::greater<>>{{1, 2}, {3, 4}}));
}

TEST_CASE("move-only elements cross", "[serialization]") {
    std::vector<std::unique_ptr<int>> pointers;
    pointers.push_back(std::make_unique<int>(3));
    pointers.push_back(nullptr);
    const auto result = round_trip(pointers);
    REQUIRE(result.size() == 2);
    CHECK(*result[0] == 3);
    CHECK(result[1] == nullptr);
    std::map<int, std::unique_ptr<int>> map;
    map[1] = std::make_unique<int>(4);
    CHECK(*round_trip(map).at(1) == 4);
}

TEST_CASE("equal keys in a map are not a map", "[serialization]") {
    const auto bytes = encoded(std::vector<std::pair<std::string, int>>{{"a", 1}, {"a", 2}});
    using Map = std::map<std::string, int>;
    CHECK_THROWS_AS(decoded<Map>(bytes), cf::SerializationError);
    CHECK(decoded<std::multimap<std::string, int>>(bytes).size() == 2);
    cf::Encoder set;
    set(std::uint64_t{2}, 'a', 'a');
    CHECK_THROWS_AS(decoded<std::set<char>>(set.bytes()), cf::SerializationError);
}

TEST_CASE("a lying count reserves no more memory than bytes arrived", "[serialization]") {
    const auto largest_while_decoding = [](auto type, std::uint64_t count) {
        using T = typename decltype(type)::type;
        cf::Encoder encoder;
        encoder.write_u64(count);
        // No element can be made of these: what is allocated was reserved ahead.
        for (int padding = 0; padding != 1'000; ++padding) encoder.encode('\xFF');
        largest_allocation = 0;
        try {
            (void)decoded<T>(encoder.bytes());
        } catch (const cf::SerializationError&) {
        }
        return largest_allocation;
    };
    using Strings = std::vector<std::string, WatchingAllocator<std::string>>;
    CHECK(largest_while_decoding(std::type_identity<Strings>(), 125) <= 1'008);
    CHECK(largest_while_decoding(std::type_identity<Strings>(), 1'000'000) == 0);
    using Numbers = std::vector<double, WatchingAllocator<double>>;
    CHECK(largest_while_decoding(std::type_identity<Numbers>(), 126) == 0);
    CHECK(largest_while_decoding(std::type_identity<Numbers>(), ~std::uint64_t{0}) == 0);
    using Hash = std::unordered_map<std::string, int, std::hash<std::string>, std::equal_to<>,
                                    WatchingAllocator<std::pair<const std::string, int>>>;
    CHECK(largest_while_decoding(std::type_identity<Hash>(), 80) <= 1'008);
    // One byte may stand for 8000; what is reserved ahead is what has arrived, even so.
    using Wides = std::vector<Wide, WatchingAllocator<Wide>>;
    cf::Encoder encoder;
    encoder.write_u64(1'000'000);
    for (int padding = 0; padding != 1'000'000; ++padding) encoder.encode(char{2});
    largest_allocation = 0;
    CHECK_THROWS_AS(decoded<Wides>(encoder.bytes()), cf::SerializationError);
    CHECK(largest_allocation <= 1'000'000);
}

TEST_CASE("classes derived from containers are not taken for containers", "[serialization]") {
    static_assert(!cf::Serializable<NamedVector>);
    static_assert(!cf::Serializable<std::priority_queue<int>>);
    SUCCEED();
}

TEST_CASE("elements without bytes cross up to a limit for the whole message", "[serialization]") {
    using List = std::list<std::tuple<>>;
    CHECK(round_trip(List(cf::detail::empty_element_limit)).size() == cf::detail::empty_element_limit);
    CHECK_THROWS_AS(encoded(List(cf::detail::empty_element_limit + 1)), cf::SerializationError);
    const List many(cf::detail::empty_element_limit / 2 + 1);
    CHECK_THROWS_AS((decoded<std::pair<List, List>>(encoded(std::pair(many, many)))), cf::SerializationError);
}
