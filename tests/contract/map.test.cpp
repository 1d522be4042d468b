// SPDX-License-Identifier: MIT
//
// The contract of every executor, part 5: map() and map_unordered().
#include <algorithm>
#include <concepts>
#include <iterator>
#include <limits>
#include <memory>
#include <numeric>
#include <ranges>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "contract/executors.hpp"

namespace contract {
namespace {

std::vector<int> up_to(int count) {
    std::vector<int> numbers(static_cast<std::size_t>(count));
    std::iota(numbers.begin(), numbers.end(), 0);
    return numbers;
}

std::vector<int> squares_up_to(int count) {
    std::vector<int> numbers = up_to(count);
    for (int& n : numbers) n *= n;
    return numbers;
}

template <class Results>
std::vector<int> collected(Results&& results) {
    std::vector<int> all;
    for (int&& result : results) all.push_back(result);
    return all;
}

int divide(int a, int b) {
    if (b == 0) throw std::domain_error(std::to_string(a) + " by zero");
    return a / b;
}

/// Makes the quotients, with -1 for each that throws domain_error.
template <class Results>
std::vector<int> quotients_of(Results&& results) {
    std::vector<int> all;
    for (auto it = results.begin(); it != results.end(); ++it) {
        try {
            all.push_back(*it);
        } catch (const std::domain_error&) {
            all.push_back(-1);
        }
    }
    return all;
}

std::unique_ptr<int> boxed(int n) { return std::make_unique<int>(n); }
std::string spelled(int n) { return std::to_string(n); }
void note(const std::string& log) { support::append_line(log, "noted"); }
void note_if_even(const std::string& log, int n) {
    if (n % 2 != 0) throw std::domain_error(std::to_string(n) + " is odd");
    support::append_line(log, std::to_string(n));
}
int own_timeout(int) { throw std::runtime_error("my own time is up"); }

int stay_for_zero(const std::string& gate, int n) {
    if (n == 0) support::wait_at_gate(gate);
    return n;
}

/// 0, 1, 2, … without an end, counting what is taken.
class Naturals {
  public:
    class Iterator {
      public:
        using value_type = int;
        using difference_type = std::ptrdiff_t;
        using reference = int;
        using pointer = void;
        using iterator_category = std::input_iterator_tag;

        explicit Iterator(int* taken) : taken_(taken) { ++*taken_; }
        int operator*() const { return *taken_ - 1; }
        Iterator& operator++() {
            ++*taken_;
            return *this;
        }
        void operator++(int) { ++*this; }
        bool operator==(std::default_sentinel_t) const { return false; }

      private:
        int* taken_;
    };

    Iterator begin() { return Iterator(&taken_); }  // as that of std::views::istream, takes the first one
    std::default_sentinel_t end() const { return {}; }
    int taken() const { return taken_; }

  private:
    int taken_ = 0;
};

CONTRACT_CASE("map() gives the results in the order of the input") {
    TestType pool(3);
    CHECK(collected(pool.map(square, up_to(200))) == squares_up_to(200));
}

CONTRACT_CASE("map() takes a range that stays with the caller") {
    TestType pool;
    const std::vector<int> numbers = up_to(10);
    CHECK(collected(pool.map(square, numbers)) == squares_up_to(10));
    const int array[] = {1, 2, 3};
    CHECK(collected(pool.map(square, array)) == std::vector<int>{1, 4, 9});
}

CONTRACT_CASE("map() calls with one element of each input and stops with the shortest") {
    TestType pool;
    const std::vector<int> a{1, 2, 3}, b{10, 20, 30, 40};
    CHECK(collected(pool.map(sum, a, b)) == std::vector<int>{11, 22, 33});
    CHECK(collected(pool.map(sum, b, a)) == std::vector<int>{11, 22, 33});
    CHECK(collected(pool.map({.chunksize = 2}, sum, b, a)) == std::vector<int>{11, 22, 33});
}

CONTRACT_CASE("map() over nothing is empty") {
    TestType pool;
    CHECK(collected(pool.map(square, std::vector<int>())).empty());
    CHECK(collected(pool.map({.chunksize = 4}, square, std::vector<int>())).empty());
    CHECK(collected(pool.map({.buffersize = 4}, square, std::vector<int>())).empty());
    CHECK(collected(pool.map(sum, up_to(3), std::vector<int>())).empty());
    CHECK(collected(pool.map_unordered(square, std::vector<int>())).empty());
}

CONTRACT_CASE("the size of the chunks changes nothing in the results") {
    const int chunksize = GENERATE(0, 1, 3, 50, 1000);
    TestType pool;
    CHECK(collected(pool.map({.chunksize = chunksize}, square, up_to(50))) == squares_up_to(50));
    auto unordered = collected(pool.map_unordered({.chunksize = chunksize}, square, up_to(50)));
    std::sort(unordered.begin(), unordered.end());
    CHECK(unordered == squares_up_to(50));
}

CONTRACT_CASE("a map of many short items gives each result once and in its place") {
    TestType pool(2);
    const int count = 5'000;
    CHECK(collected(pool.map(square, up_to(count))) == squares_up_to(count));
    auto unordered = collected(pool.map_unordered(square, up_to(count)));
    std::sort(unordered.begin(), unordered.end());
    CHECK(unordered == squares_up_to(count));
    std::string all, expected;
    for (const std::string& text : pool.map(spelled, up_to(2'000))) all += text;
    for (int n = 0; n < 2'000; ++n) expected += std::to_string(n);
    CHECK(all == expected);
}

CONTRACT_CASE("among many short items each that fails throws at its place") {
    TestType pool(2);
    std::vector<int> divisors(3'000, 1), expected(3'000);
    std::iota(expected.begin(), expected.end(), 0);
    for (std::size_t i = 5; i < divisors.size(); i += 99) {
        divisors[i] = 0;
        expected[i] = -1;
    }
    CHECK(quotients_of(pool.map(divide, up_to(3'000), divisors)) == expected);
    auto unordered = quotients_of(pool.map_unordered(divide, up_to(3'000), divisors));
    std::sort(unordered.begin(), unordered.end());
    std::sort(expected.begin(), expected.end());
    CHECK(unordered == expected);
}

CONTRACT_CASE("results of many items come after a shutdown too") {
    TestType pool;
    auto results = pool.map(square, up_to(3'000));
    pool.shutdown();
    CHECK(collected(results) == squares_up_to(3'000));
}

CONCURRENT_CASE("of many items, shutdown with cancel_futures cancels those that have not started") {
    BusyPool<TestType> busy;
    auto results = busy.pool.map(square, up_to(500));
    busy.pool.shutdown({.wait = false, .cancel_futures = true});
    int cancelled = 0;
    for (auto it = results.begin(); it != results.end(); ++it) {
        try {
            static_cast<void>(*it);
        } catch (const cf::CancelledError&) {
            ++cancelled;
        }
    }
    CHECK(cancelled == 500);
    busy.open();
}

CONTRACT_CASE("a failing item throws at its place and the iteration goes on") {
    const int chunksize = GENERATE(1, 3, 100);
    TestType pool;
    CHECK(quotients_of(pool.map({.chunksize = chunksize}, divide, std::vector{5, 5, 5, 5},
                                std::vector{2, 0, 3, 5})) == std::vector<int>{2, -1, 1, 1});
    CHECK(quotients_of(pool.map({.chunksize = chunksize}, divide, std::vector{5, 6},
                                std::vector{0, 0})) == std::vector<int>{-1, -1});
}

CONTRACT_CASE("a failing item keeps its message") {
    const int chunksize = GENERATE(1, 3);
    TestType pool;
    auto results =
        pool.map({.chunksize = chunksize}, divide, std::vector{6, 7}, std::vector{2, 0});
    auto it = results.begin();
    CHECK(*it == 3);
    ++it;
    CHECK(message_of([&] { *it; }) == "7 by zero");
    ++it;
    CHECK(it == results.end());
}

CONTRACT_CASE("items may be skipped without a look") {
    const int chunksize = GENERATE(1, 2);
    TestType pool;
    auto results = pool.map({.chunksize = chunksize, .buffersize = 3}, square, up_to(6));
    auto it = results.begin();
    ++it;
    ++it;
    CHECK(*it == 4);
    ++it;
    ++it;
    CHECK(*it == 16);
    ++it;
    ++it;
    CHECK(it == results.end());
}

CONTRACT_CASE("map() submits everything at the call, iterated or not") {
    support::ProcessCounter ran;
    TestType pool;
    const auto results = pool.map(note, std::vector<std::string>(5, ran.path()));
    pool.shutdown();
    CHECK(ran.value() == 5);
}

CONTRACT_CASE("map() of calls without a result yields an item for each") {
    support::ProcessCounter ran;
    TestType pool;
    int items = 0;
    for (auto&& item : pool.map(note, std::vector<std::string>(5, ran.path()))) {
        static_cast<void>(item);
        ++items;
    }
    CHECK(items == 5);
    CHECK(ran.value() == 5);
}

CONTRACT_CASE("results that cannot be copied are moved out") {
    const int chunksize = GENERATE(1, 2);
    TestType pool;
    int expected = 0;
    for (std::unique_ptr<int> box : pool.map({.chunksize = chunksize}, boxed, up_to(5)))
        CHECK(*box == expected++);
    CHECK(expected == 5);
}

CONTRACT_CASE("results of any type come in order") {
    TestType pool;
    std::string all;
    for (const std::string& text : pool.map(spelled, up_to(12))) all += text;
    CHECK(all == "01234567891011");
}

CONTRACT_CASE("buffersize bounds what is taken from the input ahead of the iteration") {
    TestType pool;
    Naturals input;
    auto results = pool.map({.buffersize = 4}, square, input);
    CHECK(input.taken() == 4);
    auto it = results.begin();
    for (int i = 0; i < 10; ++i, ++it) {
        CHECK(*it == i * i);
        CHECK(input.taken() == 5 + i);
    }
}

CONTRACT_CASE("skipping a result takes one element of the input, too") {
    TestType pool;
    Naturals input;
    auto results = pool.map({.chunksize = GENERATE(1, 2), .buffersize = 4}, square, input);
    auto it = results.begin();
    ++it;
    CHECK(input.taken() == 5);
    CHECK(*it == 1);
    CHECK(input.taken() == 6);
}

CONTRACT_CASE("map_unordered() takes no more of the input than its buffersize and what was asked for") {
    TestType pool;
    Naturals input;
    auto results = pool.map_unordered({.buffersize = 4}, square, input);
    CHECK(input.taken() == 4);
    auto it = results.begin();
    *it;
    CHECK(input.taken() == 5);
}

CONTRACT_CASE("buffersize changes nothing in the results") {
    const int buffersize = GENERATE(1, 2, 20, 40);
    TestType pool;
    CHECK(collected(pool.map({.buffersize = buffersize}, square, up_to(20))) == squares_up_to(20));
    CHECK(collected(pool.map({.chunksize = 3, .buffersize = buffersize}, square, up_to(20))) ==
          squares_up_to(20));
    auto unordered = collected(pool.map_unordered({.buffersize = buffersize}, square, up_to(20)));
    std::sort(unordered.begin(), unordered.end());
    CHECK(unordered == squares_up_to(20));
}

CONTRACT_CASE("with buffersize the inputs may be endless") {
    TestType pool;
    int expected = 0;
    for (int&& result : pool.map({.buffersize = 3}, sum, Naturals(), Naturals())) {
        CHECK(result == 2 * expected);
        if (++expected == 20) break;
    }
    CHECK(expected == 20);
}

CONTRACT_CASE("map() refuses options that make no sense") {
    TestType pool;
    CHECK_THROWS_AS(pool.map({.buffersize = 0}, square, up_to(2)), std::invalid_argument);
    CHECK_THROWS_AS(pool.map({.timeout = -1s}, square, up_to(2)), std::invalid_argument);
    CHECK_THROWS_AS(pool.map_unordered({.buffersize = 0}, square, up_to(2)), std::invalid_argument);
    CHECK_THROWS_AS(pool.map({.chunksize = -1}, square, up_to(2)), std::invalid_argument);
}

CONTRACT_CASE("map() within its time gives everything") {
    TestType pool;
    CHECK(collected(pool.map({.timeout = 1h}, square, up_to(5))) == squares_up_to(5));
    CHECK(collected(pool.map_unordered({.timeout = std::chrono::nanoseconds::max()}, square,
                                       up_to(1))) == squares_up_to(1));
}

CONCURRENT_CASE("when the time of map() is up the item throws, and that is the end") {
    support::ProcessGate gate;
    TestType pool(1);
    auto results =
        pool.map({.timeout = 1ms}, stay_at, std::vector<std::string>(3, gate.path()), up_to(3));
    auto it = results.begin();
    CHECK(it != results.end());
    CHECK_THROWS_AS(*it, cf::TimeoutError);
    ++it;
    CHECK(it == results.end());
    gate.open();
}

CONCURRENT_CASE("when the time of map() is up the rest is cancelled") {
    support::ProcessCounter ran;
    BusyPool<TestType> busy;
    const std::vector<std::string> logs(5, ran.path());
    {
        auto results = busy.pool.map({.timeout = 0s}, note, logs);
        CHECK_THROWS_AS(*results.begin(), cf::TimeoutError);
    }
    {
        auto results = busy.pool.map_unordered({.timeout = 0s}, note, logs);
        CHECK_THROWS_AS(*results.begin(), cf::TimeoutError);
    }
    busy.open();
    busy.pool.shutdown();
    CHECK(ran.value() == 0);
}

CONTRACT_CASE("a map of a function without a result gives one thing for each item, or its exception, in chunks, too") {
    const int chunksize = GENERATE(1, 3);
    support::ProcessLog log;
    TestType pool;
    const std::vector<std::string> logs(7, log.path());
    const auto outcomes_of = [](auto results) {
        static_assert(std::is_same_v<typename decltype(results)::value_type, std::monostate>);
        std::string outcomes;
        for (auto it = results.begin(); it != results.end(); ++it) {
            try {
                static_cast<void>(*it);
                outcomes += "- ";
            } catch (const std::domain_error& error) {
                outcomes += std::string(error.what()) + ' ';
            }
        }
        return outcomes;
    };
    const std::string expected = "- 1 is odd - 3 is odd - 5 is odd - ";
    CHECK(outcomes_of(pool.map({.chunksize = chunksize}, note_if_even, logs, up_to(7))) == expected);
    CHECK(outcomes_of(pool.map({.chunksize = chunksize, .buffersize = 6}, note_if_even, logs, up_to(7))) == expected);
    auto lines = log.lines();
    std::sort(lines.begin(), lines.end());
    CHECK(lines == std::vector<std::string>{"0", "0", "2", "2", "4", "4", "6", "6"});
}

CONTRACT_CASE("an exception of an item does not end the map as its time does") {
    TestType pool;
    auto results = pool.map({.timeout = 1h}, own_timeout, up_to(2));
    auto it = results.begin();
    CHECK(message_of([&] { *it; }) == "my own time is up");
    ++it;
    REQUIRE(it != results.end());
    CHECK(message_of([&] { *it; }) == "my own time is up");
    ++it;
    CHECK(it == results.end());
}

CONTRACT_CASE("a map that is never iterated lets its calls run") {
    const int items = GENERATE(1, 20, 500);
    const int chunksize = GENERATE(0, 3);
    support::ProcessLog log;
    {
        TestType pool;
        std::vector<std::string> logs(static_cast<std::size_t>(items), log.path());
        pool.map({.chunksize = chunksize}, record, logs, up_to(items));
        pool.map_unordered({.chunksize = chunksize}, record, logs, up_to(items));
    }
    CHECK(log.lines().size() == 2 * static_cast<std::size_t>(items));
}

CONTRACT_CASE("a map with a buffersize that is never iterated lets those run that are in the buffer") {
    support::ProcessLog log;
    {
        TestType pool;
        const std::vector<std::string> logs(20, log.path());
        pool.map({.buffersize = 4}, record, logs, up_to(20));
        pool.map_unordered({.chunksize = 2, .buffersize = 4}, record, logs, up_to(20));
    }
    CHECK(log.lines().size() == 8);
}

CONTRACT_CASE("the range of a map is a view that can be moved, assigned and put into a pipe") {
    TestType pool;
    static_assert(std::ranges::input_range<cf::MapResults<int>> && std::movable<cf::MapResults<int>>);
    int next = 0;
    for (int y : pool.map(square, up_to(10)) | std::views::take(3) | std::views::transform(square)) {
        CHECK(y == next * next * next * next);
        ++next;
    }
    CHECK(next == 3);
    auto results = pool.map(square, up_to(2));
    results = pool.map({.buffersize = 1}, square, up_to(3));
    CHECK(collected(results) == squares_up_to(3));
}

CONCURRENT_CASE("destroying the range cancels what has not started") {
    support::ProcessCounter ran;
    BusyPool<TestType> busy;
    {
        auto results = busy.pool.map(note, std::vector<std::string>(5, ran.path()));
        results.begin();
    }
    busy.open();
    busy.pool.shutdown();
    CHECK(ran.value() == 0);
    CHECK(busy.pool.stats().cancelled == 5);
}

CONTRACT_CASE("cancel() of the range puts it at its end") {
    TestType pool;
    auto results = pool.map(square, up_to(5));
    auto it = results.begin();
    CHECK(*it == 0);
    results.cancel();
    CHECK(it == results.end());
}

CONCURRENT_CASE("map_unordered() gives results in the order the calls end") {
    support::ProcessGate gate;
    TestType pool(2);
    auto results =
        pool.map_unordered(stay_for_zero, std::vector<std::string>(4, gate.path()), up_to(4));
    auto it = results.begin();
    std::vector<int> early;
    for (int i = 0; i < 3; ++i, ++it) early.push_back(*it);
    std::sort(early.begin(), early.end());
    CHECK(early == std::vector<int>{1, 2, 3});
    gate.open();
    CHECK(*it == 0);
    ++it;
    CHECK(it == results.end());
}

CONTRACT_CASE("map_unordered() goes on after an item that throws") {
    const int chunksize = GENERATE(1, 2);
    TestType pool;
    auto all = quotients_of(pool.map_unordered({.chunksize = chunksize}, divide,
                                               std::vector{5, 6, 7}, std::vector{1, 0, 1}));
    std::sort(all.begin(), all.end());
    CHECK(all == std::vector<int>{-1, 5, 7});
}

CONTRACT_CASE("results that were submitted come after a shutdown too") {
    TestType pool;
    auto all = pool.map(square, up_to(10));
    auto some = pool.map({.buffersize = 2}, square, up_to(10));
    pool.shutdown();
    CHECK(collected(all) == squares_up_to(10));
    // Those in the buffer, then the error, then the end.
    auto it = some.begin();
    CHECK(*it == 0);
    ++it;
    CHECK(*it == 1);
    ++it;
    REQUIRE(it != some.end());
    CHECK_THROWS_AS(*it, cf::ShutdownError);
    ++it;
    CHECK(it == some.end());
}

CONTRACT_CASE("a map with results to come outlives its executor") {
    auto results = [] {
        TestType pool;
        return pool.map(square, up_to(10));
    }();
    CHECK(collected(results) == squares_up_to(10));
}

}  // namespace
}  // namespace contract
