// SPDX-License-Identifier: MIT
#include <concurrent/futures/sort.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <numeric>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace cf = concurrent::futures;

enum class Order { random, rising, falling, equal, few_values, organ_pipe };

std::vector<int> numbers_in(Order order, int count) {
    std::vector<int> numbers(static_cast<std::size_t>(count));
    std::iota(numbers.begin(), numbers.end(), 0);
    std::mt19937 dice(1);
    switch (order) {
        case Order::random: std::shuffle(numbers.begin(), numbers.end(), dice); break;
        case Order::rising: break;
        case Order::falling: std::reverse(numbers.begin(), numbers.end()); break;
        case Order::equal: std::fill(numbers.begin(), numbers.end(), 1); break;
        case Order::few_values:
            for (int& n : numbers) n = static_cast<int>(dice() % 3);
            break;
        case Order::organ_pipe:
            for (int& n : numbers) n = std::min(n, count - n);
            break;
    }
    return numbers;
}

TEST_CASE("sort() sorts what std::sort() sorts", "[sort]") {
    const int workers = GENERATE(1, 2, 4);
    const int count = GENERATE(0, 1, 2, 100, 4'095, 4'096, 100'000);
    cf::ThreadPoolExecutor pool(workers);
    for (const Order order :
         {Order::random, Order::rising, Order::falling, Order::equal, Order::few_values, Order::organ_pipe}) {
        std::vector<int> numbers = numbers_in(order, count), expected = numbers;
        std::sort(expected.begin(), expected.end());
        cf::sort(pool, numbers);
        CHECK(numbers == expected);
        std::reverse(expected.begin(), expected.end());
        cf::sort(pool, numbers, std::greater<>());
        CHECK(numbers == expected);
    }
}

TEST_CASE("sort() takes a projection, elements that only move, and ranges with random access", "[sort]") {
    cf::ThreadPoolExecutor pool(2);
    std::deque<std::pair<std::string, int>> pairs;
    for (const int n : numbers_in(Order::random, 20'000)) pairs.emplace_back("some text that needs memory of its own", n);
    cf::sort(pool, pairs, std::less<>(), &std::pair<std::string, int>::second);
    bool right = true;
    for (int n = 0; n < 20'000; ++n) right &= pairs[static_cast<std::size_t>(n)].second == n;
    CHECK(right);

    std::vector<std::unique_ptr<int>> owned;
    for (const int n : numbers_in(Order::random, 20'000)) owned.push_back(std::make_unique<int>(n));
    cf::sort(pool, owned, std::less<>(), [](const std::unique_ptr<int>& one) { return *one; });
    right = true;
    for (int n = 0; n < 20'000; ++n) right &= *owned[static_cast<std::size_t>(n)] == n;
    CHECK(right);

    std::vector<bool> bits(10'000);
    for (std::size_t n = 0; n < bits.size(); n += 3) bits[n] = true;
    cf::sort(pool, bits);
    CHECK(std::is_sorted(bits.begin(), bits.end()));
    int array[] = {3, 1, 2};
    cf::sort(pool, array);
    CHECK((array[0] == 1 && array[1] == 2 && array[2] == 3));
}

TEST_CASE("sort() takes records by a member, and numbers of other types", "[sort]") {
    const int workers = GENERATE(1, 2, 4);
    cf::ThreadPoolExecutor pool(workers);
    struct Sale {
        int number;
        double price;
    };
    for (const Sale sale : {Sale{20'000, 1.0}, Sale{20'000, 0.25}, Sale{9, 1.0}}) {  // how many; prices per number
        std::vector<Sale> sales;
        for (const int n : numbers_in(Order::random, sale.number))
            sales.push_back({n, static_cast<double>(static_cast<int>(n * sale.price))});
        cf::sort(pool, sales, std::ranges::greater(), &Sale::price);
        CHECK(std::is_sorted(sales.begin(), sales.end(), [](const Sale& a, const Sale& b) { return a.price > b.price; }));
        std::vector<bool> seen(sales.size());
        for (const Sale& one : sales) seen[static_cast<std::size_t>(one.number)] = true;
        CHECK(std::find(seen.begin(), seen.end(), false) == seen.end());
    }
    const std::vector<int> numbers = numbers_in(Order::random, 30'000);
    std::vector<double> doubles(numbers.begin(), numbers.end());
    cf::sort(pool, std::span(doubles).subspan(10'000));
    CHECK(std::is_sorted(doubles.begin() + 10'000, doubles.end()));
    CHECK(std::equal(doubles.begin(), doubles.begin() + 10'000, numbers.begin()));
    std::vector<const int*> places;
    for (const int& n : numbers) places.push_back(&n);
    cf::sort(pool, places, std::less<>(), [](const int* place) { return *place; });
    CHECK(std::is_sorted(places.begin(), places.end(), [](const int* a, const int* b) { return *a < *b; }));
}

TEST_CASE("a comparison that throws ends the sort", "[sort]") {
    const int workers = GENERATE(1, 2);
    cf::ThreadPoolExecutor pool(workers);
    std::vector<int> numbers = numbers_in(Order::random, 50'000);
    std::atomic<int> left{200'000};
    CHECK_THROWS_AS(cf::sort(pool, numbers,
                             [&](int a, int b) {
                                 if (--left == 0) throw std::runtime_error("no more");
                                 return a < b;
                             }),
                    std::runtime_error);
    std::sort(numbers.begin(), numbers.end());
    CHECK(numbers == numbers_in(Order::rising, 50'000));
}

TEST_CASE("a comparison that is no order ends all the same", "[sort]") {
    cf::ThreadPoolExecutor pool(2);
    std::vector<int> numbers = numbers_in(Order::random, 8'000);
    std::atomic<unsigned> calls{0};
    // std::sort() must not get such a comparison: it gets numbers that look in order, and larger elements.
    cf::sort(pool, numbers, [&](int a, int b) { return ++calls % 3 == 0 || a < b; });
    std::sort(numbers.begin(), numbers.end());
    CHECK(numbers == numbers_in(Order::rising, 8'000));
}

}  // namespace
