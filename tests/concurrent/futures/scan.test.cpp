// SPDX-License-Identifier: MIT
#include <concurrent/futures/scan.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <forward_list>
#include <functional>
#include <iterator>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

namespace cf = concurrent::futures;

template <class T = std::int64_t>
std::vector<T> numbers_of(int count) {
    std::vector<T> numbers(static_cast<std::size_t>(count));
    std::iota(numbers.begin(), numbers.end(), T{1});
    return numbers;
}

/// Long enough that workers are woken.
void take_a_while() {
    const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(5);
    while (std::chrono::steady_clock::now() < end) {
    }
}

// The sums of floating-point numbers are exact here: all are whole and below 2^53.
TEMPLATE_TEST_CASE("scans give what those of std give", "[scan]", std::int64_t, double) {
    const int workers = GENERATE(1, 2, 4);
    const int count = GENERATE(0, 1, 2, 63, 64, 65, 1'000, 500'003);
    cf::ThreadPoolExecutor pool(workers);
    const std::vector<TestType> numbers = numbers_of<TestType>(count);
    std::vector<TestType> expected(numbers.size()), got(numbers.size());

    std::inclusive_scan(numbers.begin(), numbers.end(), expected.begin());
    CHECK(cf::inclusive_scan(pool, numbers, got.begin()) == got.end());
    CHECK(got == expected);
    std::inclusive_scan(numbers.begin(), numbers.end(), expected.begin(), std::plus<>(), TestType{7});
    CHECK(cf::inclusive_scan(pool, numbers, got.begin(), std::plus<>(), TestType{7}) == got.end());
    CHECK(got == expected);
    std::exclusive_scan(numbers.begin(), numbers.end(), expected.begin(), TestType{7});
    CHECK(cf::exclusive_scan(pool, numbers, got.begin(), TestType{7}) == got.end());
    CHECK(got == expected);
}

TEST_CASE("the output of a scan may be its input", "[scan]") {
    cf::ThreadPoolExecutor pool(2);
    for (const int count : {3, 300'000}) {
        std::vector<std::int64_t> inclusive = numbers_of(count), exclusive = inclusive, expected(inclusive.size());
        std::inclusive_scan(inclusive.begin(), inclusive.end(), expected.begin());
        cf::inclusive_scan(pool, inclusive, inclusive.begin());
        CHECK(inclusive == expected);
        cf::exclusive_scan(pool, exclusive, exclusive.begin(), std::int64_t{0});
        expected.insert(expected.begin(), 0);
        expected.pop_back();
        CHECK(exclusive == expected);
    }
}

TEST_CASE("a scan needs an associative operation only", "[scan]") {
    const int workers = GENERATE(1, 2, 4);
    cf::ThreadPoolExecutor pool(workers);
    std::vector<std::string> letters;
    for (int n = 0; n < 100; ++n) letters.push_back(std::string(1, static_cast<char>('a' + n % 26)));
    const auto join = [](std::string a, const std::string& b) {
        take_a_while();
        return std::move(a) + b;
    };
    std::vector<std::string> expected(letters.size()), got(letters.size());
    std::inclusive_scan(letters.begin(), letters.end(), expected.begin(), std::plus<>());
    for (int round = 0; round < 2; ++round) {
        cf::inclusive_scan(pool, letters, got.begin(), join);
        CHECK(got == expected);
    }
    std::exclusive_scan(letters.begin(), letters.end(), expected.begin(), std::string("-"), std::plus<>());
    cf::exclusive_scan(pool, letters, got.begin(), std::string("-"), join);
    CHECK(got == expected);
}

TEST_CASE("scans read and write ranges of every kind", "[scan]") {
    cf::ThreadPoolExecutor pool(2);
    const std::forward_list<int> list{1, 2, 3};
    std::deque<int> back;
    cf::inclusive_scan(pool, list, std::back_inserter(back));
    CHECK(back == std::deque<int>{1, 3, 6});
    back.clear();
    cf::exclusive_scan(pool, list, std::back_inserter(back), 10);
    CHECK(back == std::deque<int>{10, 11, 13});
    std::vector<bool> bits(3);
    cf::inclusive_scan(pool, list, bits.begin(), [](int a, int b) { return a + b; });
    CHECK(bits == std::vector<bool>{true, true, true});
}

TEST_CASE("what an operation throws comes out of the scan", "[scan]") {
    const int workers = GENERATE(1, 2);
    cf::ThreadPoolExecutor pool(workers);
    const std::vector<std::int64_t> numbers = numbers_of(50'000);
    std::vector<std::int64_t> got(numbers.size());
    const auto add = [](std::int64_t a, std::int64_t b) {
        if (b == 40'000) throw std::runtime_error("bad");
        return a + b;
    };
    CHECK_THROWS_AS(cf::inclusive_scan(pool, numbers, got.begin(), add), std::runtime_error);
}

TEST_CASE("scans of floating-point numbers are right whichever thread finds out what is before a part", "[scan]") {
    const int workers = GENERATE(2, 4);
    cf::ThreadPoolExecutor pool(workers);
    // So few that a thread takes several parts at a time. Which of them it scans itself is chance: again and again.
    for (int round = 0; round < 60; ++round) {
        const std::vector<double> numbers = numbers_of<double>(round % 2 == 0 ? 20'000 : 100'000);
        std::vector<double> expected(numbers.size()), got(numbers.size());
        std::inclusive_scan(numbers.begin(), numbers.end(), expected.begin());
        CHECK(cf::inclusive_scan(pool, numbers, got.begin()) == got.end());
        CHECK(got == expected);
    }
}

}  // namespace
