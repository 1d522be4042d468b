// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/loops/branchless_sort.hpp>

#include <algorithm>
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

namespace detail = concurrent::futures::detail;

/// A key, and what it was found with.
struct Record {
    Record() = delete;
    explicit Record(int k) : key(k), twin(k) {}
    int key;
    int twin;
    friend auto operator<=>(const Record&, const Record&) = default;
};

template <class T, class Less = std::less<>>
void sort(std::vector<T>& elements, Less less = {}, int divisions = -1) {
    detail::BranchlessSort<T, Less> sorter(less);
    sorter.sort(elements.data(), elements.data() + elements.size(), nullptr,
                divisions < 0 ? detail::most_divisions(elements.size()) : divisions);
}

TEMPLATE_TEST_CASE("up to eight elements are sorted, whatever their order", "[sort]", int, double, Record) {
    for (unsigned size = 0; size <= 8; ++size) {
        for (unsigned bits = 0; bits != 1u << size; ++bits) {  // a network that sorts all of these sorts all
            std::vector<TestType> elements;
            for (unsigned at = 0; at != size; ++at) elements.push_back(TestType(static_cast<int>(bits >> at & 1)));
            std::vector<TestType> expected = elements;
            std::sort(expected.begin(), expected.end());
            sort(elements);
            if (elements != expected) FAIL("size " << size << ", bits " << bits);
        }
    }
    std::vector<int> places{0, 1, 2, 3, 4, 5, 6, 7};
    do {
        std::vector<TestType> elements;
        for (const int place : places) elements.push_back(TestType(place));
        sort(elements);
        if (!std::is_sorted(elements.begin(), elements.end())) FAIL("not sorted");
    } while (std::next_permutation(places.begin(), places.end()));
}

TEMPLATE_TEST_CASE("elements in random order, and few values, are sorted", "[sort]", signed char, int, std::uint64_t, float, double,
                   Record) {
    std::mt19937 dice(1);
    for (const unsigned values : {1u, 2u, 5u, 100u, 1'000'000u}) {
        for (const int size : {9, 16, 17, 100, 127, 128, 129, 5'000}) {
            std::vector<TestType> elements;
            for (int n = 0; n != size; ++n) elements.push_back(TestType(static_cast<int>(dice() % values)));
            std::vector<TestType> expected = elements;
            std::sort(expected.begin(), expected.end());
            sort(elements);
            CHECK(elements == expected);
            std::reverse(expected.begin(), expected.end());
            sort(elements, std::greater<>());
            CHECK(elements == expected);
        }
    }
}

TEST_CASE("few values take few comparisons", "[sort]") {
    std::vector<int> numbers(100'000);
    std::mt19937 dice(1);
    for (int& n : numbers) n = static_cast<int>(dice() % 4);
    std::size_t comparisons = 0;
    sort(numbers, [&](int a, int b) { return ++comparisons, a < b; });
    CHECK(std::is_sorted(numbers.begin(), numbers.end()));
    CHECK(comparisons < 8 * numbers.size());
}

TEST_CASE("parts that were divided too often are sorted all the same", "[sort]") {
    std::vector<int> numbers(10'000);
    std::iota(numbers.begin(), numbers.end(), 0);
    const std::vector<int> expected = numbers;
    std::shuffle(numbers.begin(), numbers.end(), std::mt19937(1));
    sort(numbers, std::less<>(), 3);
    CHECK(numbers == expected);
}

TEST_CASE("a comparison that throws loses no element", "[sort]") {
    std::vector<int> numbers(300);
    std::iota(numbers.begin(), numbers.end(), 0);
    const std::vector<int> expected = numbers;
    std::shuffle(numbers.begin(), numbers.end(), std::mt19937(1));
    const std::vector<int> shuffled = numbers;
    int most = 0;
    sort(numbers, [&](int a, int b) { return ++most, a < b; });
    for (int last = 1; last <= most; ++last) {
        numbers = shuffled;
        int left = last;
        CHECK_THROWS_AS(sort(numbers,
                             [&](int a, int b) {
                                 if (--left == 0) throw std::runtime_error("no more");
                                 return a < b;
                             }),
                        std::runtime_error);
        std::sort(numbers.begin(), numbers.end());
        if (numbers != expected) FAIL("after " << last << " comparisons");
    }
}

TEST_CASE("a comparison that is no order loses no element", "[sort]") {
    std::vector<int> numbers(1'000);
    std::iota(numbers.begin(), numbers.end(), 0);
    const std::vector<int> expected = numbers;
    std::mt19937 dice(1);
    const auto check = [&](auto less) {
        sort(numbers, less);
        std::sort(numbers.begin(), numbers.end());
        CHECK(numbers == expected);
    };
    check([&](int, int) { return dice() % 2 == 0; });
    check([](int, int) { return true; });
    check([](int, int) { return false; });
    check([](int a, int b) { return a <= b; });
}

TEST_CASE("numbers that are not a number end the sort, too", "[sort]") {
    std::vector<double> numbers(1'000);
    std::iota(numbers.begin(), numbers.end(), 0.0);
    for (std::size_t n = 0; n < numbers.size(); n += 7) numbers[n] = std::numeric_limits<double>::quiet_NaN();
    std::shuffle(numbers.begin(), numbers.end(), std::mt19937(1));
    sort(numbers);
    CHECK(std::count_if(numbers.begin(), numbers.end(), [](double n) { return n != n; }) == 143);
}

TEST_CASE("what changes its direction seldom looks in order", "[sort]") {
    std::less<> less;
    std::vector<int> numbers(1'000);
    std::iota(numbers.begin(), numbers.end(), 0);
    const auto looks = [&] { return detail::looks_in_order(numbers.data(), numbers.data() + numbers.size(), less); };
    CHECK(looks());
    std::reverse(numbers.begin(), numbers.end());
    CHECK(looks());
    std::shuffle(numbers.begin(), numbers.end(), std::mt19937(1));
    CHECK(!looks());
    for (const std::size_t size : {0u, 1u, 2u, 3u, 7u}) {
        numbers.resize(size);
        CHECK(looks());
    }
}

TEST_CASE("elements that are copied as bytes and lie one behind the other are sorted without branches", "[sort]") {
    STATIC_CHECK(detail::SortableWithoutBranches<std::vector<int>::iterator>);
    STATIC_CHECK(detail::SortableWithoutBranches<Record*>);
    STATIC_CHECK(!detail::SortableWithoutBranches<std::deque<int>::iterator>);
    STATIC_CHECK(!detail::SortableWithoutBranches<std::vector<bool>::iterator>);
    STATIC_CHECK(!detail::SortableWithoutBranches<std::string*>);
    STATIC_CHECK(!detail::SortableWithoutBranches<std::unique_ptr<int>*>);
    struct Large {
        char bytes[64];
    };
    STATIC_CHECK(!detail::SortableWithoutBranches<Large*>);
}

}  // namespace
