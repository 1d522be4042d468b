// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/range_ends.hpp>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <initializer_list>
#include <valarray>
#include <vector>

#include <concurrent/futures/inline_executor.hpp>

namespace beside {

/// Its ends are functions of the namespace only.
struct Digits {
    std::array<int, 3> values{1, 2, 3};
};
const int* begin(const Digits& digits) { return digits.values.data(); }
const int* end(const Digits& digits) { return digits.values.data() + digits.values.size(); }

/// Members and functions of the namespace: the members count, as in a range-based for loop.
struct Both {
    std::vector<int> values{4, 5};
    auto begin() const { return values.begin(); }
    auto end() const { return values.end(); }
};
const int* begin(const Both&) { return nullptr; }
const int* end(const Both&) { return nullptr; }

}  // namespace beside

namespace {

using namespace concurrent::futures::detail;

template <class Range>
int sum_of(Range&& range) {
    int sum = 0;
    for (auto place = range_begin(range); place != range_end(range); ++place) sum += *place;
    return sum;
}

TEST_CASE("the ends of a range are found as in a range-based for loop", "[range_ends]") {
    const int plain[]{1, 2};
    CHECK(sum_of(plain) == 3);
    CHECK(sum_of(std::vector{1, 2, 3}) == 6);
    CHECK(sum_of(std::initializer_list<int>{7, 8}) == 15);
    CHECK(sum_of(std::valarray<int>{1, 3}) == 4);
    CHECK(sum_of(beside::Digits{}) == 6);
    CHECK(sum_of(beside::Both{}) == 9);
}

TEST_CASE("a map reads a range whose ends are functions beside its type, such as a folder", "[range_ends]") {
    concurrent::futures::InlineExecutor pool;
    int sum = 0;
    for (int n : pool.map([](int digit) { return 2 * digit; }, beside::Digits{})) sum += n;
    CHECK(sum == 12);
    for (int n : pool.map([](const std::filesystem::directory_entry&) { return 1; },
                          std::filesystem::directory_iterator()))
        sum += n;
    CHECK(sum == 12);
}

}  // namespace
