// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/map/map_positions.hpp>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <forward_list>
#include <iterator>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

namespace {

using namespace concurrent::futures::detail;

TEST_CASE("inputs are walked in step, to the end of the shortest", "[map_positions]") {
    std::vector<int> numbers{1, 2, 3};
    const std::array<std::string, 2> words{"one", "two"};
    std::tuple<std::vector<int>&, const std::array<std::string, 2>&> ranges(numbers, words);
    MapPositions<std::vector<int>&, const std::array<std::string, 2>&> positions(ranges);
    CHECK(positions.count() == 2);
    std::string seen;
    for (; !positions.at_end(); positions.step())
        positions.apply([&](int number, const std::string& word) { seen += std::to_string(number) + word + " "; });
    CHECK(seen == "1one 2two ");
}

TEST_CASE("the elements themselves are handed on, and can be changed", "[map_positions]") {
    std::vector<int> numbers{1, 2};
    std::tuple<std::vector<int>&> ranges(numbers);
    MapPositions<std::vector<int>&> positions(ranges);
    positions.step();
    positions.apply([](int& number) { number = 9; });
    CHECK(numbers == std::vector{1, 9});
}

TEST_CASE("a list has no length that can be told at once, and input that comes once is not read twice", "[map_positions]") {
    std::forward_list<int> list{1, 2};
    std::tuple<std::forward_list<int>&> ranges(list);
    CHECK(MapPositions<std::forward_list<int>&>(ranges).count() == 0);
    STATIC_CHECK(MapPositions<std::forward_list<int>&>::can_be_read_twice);
    struct Words {
        std::istream_iterator<int> begin() { return std::istream_iterator<int>(text); }
        static std::istream_iterator<int> end() { return {}; }
        std::istringstream text{"4 5"};
    } words;
    STATIC_CHECK(!MapPositions<Words&>::can_be_read_twice);
    std::tuple<Words&> input(words);
    int sum = 0;
    for (MapPositions<Words&> positions(input); !positions.at_end(); positions.step())
        positions.apply([&](int number) { sum += number; });
    CHECK(sum == 9);
}

TEST_CASE("a proxy becomes a value, an element is handed on as it is", "[map_positions]") {
    std::vector<bool> bits{true};
    STATIC_CHECK(std::is_same_v<decltype(map_input<std::vector<bool>>(bits[0])), bool>);
    std::vector<std::string> words{"a"};
    STATIC_CHECK(std::is_same_v<decltype(map_input<std::vector<std::string>>(words[0])), std::string&>);
    STATIC_CHECK(std::is_same_v<decltype(map_input<std::vector<std::string>>(std::move(words[0]))), std::string&&>);
}

}  // namespace
