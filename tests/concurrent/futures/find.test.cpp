// SPDX-License-Identifier: MIT
#include <concurrent/futures/find.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstddef>
#include <forward_list>
#include <latch>
#include <iterator>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

namespace cf = concurrent::futures;

std::vector<int> up_to(int count) {
    std::vector<int> numbers(static_cast<std::size_t>(count));
    std::iota(numbers.begin(), numbers.end(), 0);
    return numbers;
}

TEST_CASE("find_if() gives the first element that matches", "[find]") {
    const int workers = GENERATE(1, 2, 4);
    const int count = GENERATE(0, 1, 2, 300, 200'000);
    cf::ThreadPoolExecutor pool(workers);
    const std::vector<int> numbers = up_to(count);
    for (const int least : {0, 1, count / 2, count - 1, count}) {
        const auto at = cf::find_if(pool, numbers, [&](int n) { return n >= least; });
        CHECK(at - numbers.begin() == (least < 0 ? 0 : least > count ? count : least));
    }
}

TEST_CASE("find_if() prefers the first match to one that is found sooner", "[find]") {
    cf::ThreadPoolExecutor pool(2);
    std::latch both(2);
    const std::vector<int> numbers{0, 1};
    const auto at = cf::find_if(pool, numbers, [&](int) {
        both.arrive_and_wait();
        return true;
    });
    CHECK(at == numbers.begin());
}

TEST_CASE("a search stops at a match", "[find]") {
    cf::ThreadPoolExecutor pool(1);
    std::atomic<int> looks{0};
    CHECK(cf::any_of(pool, up_to(10'000), [&](int n) { return ++looks, n == 100; }));
    CHECK(looks == 101);
}

TEST_CASE("ranges that can be walked twice can be searched", "[find]") {
    cf::ThreadPoolExecutor pool(2);
    std::forward_list<std::string> words{"a", "bb", "ccc"};
    CHECK(*cf::find_if(pool, words, [](const std::string& word) { return word.size() > 1; }) == "bb");
    CHECK(cf::find_if(pool, words, [](const std::string& word) { return word.empty(); }) == words.end());
    struct Point {
        int x;
        bool is_far() const { return x > 10; }
    };
    const std::vector<Point> points{{1}, {20}};
    CHECK(cf::find_if(pool, points, &Point::is_far)->x == 20);
    struct Once {
        std::istringstream text{"1 2 3"};
        std::istream_iterator<int> begin() { return std::istream_iterator<int>(text); }
        std::istream_iterator<int> end() const { return {}; }
    };
    CHECK(cf::any_of(pool, Once(), [](int n) { return n == 3; }));
    CHECK(cf::none_of(pool, Once(), [](int n) { return n == 4; }));
}

TEST_CASE("any_of(), all_of() and none_of() answer as in std", "[find]") {
    const int count = GENERATE(0, 1, 100, 50'000);
    cf::ThreadPoolExecutor pool(2);
    const std::vector<int> numbers = up_to(count);
    const auto is_negative = [](int n) { return n < 0; };
    const auto is_last = [&](int n) { return n == count - 1; };
    CHECK(!cf::any_of(pool, numbers, is_negative));
    CHECK(cf::none_of(pool, numbers, is_negative));
    CHECK(cf::all_of(pool, numbers, [&](int n) { return !is_negative(n); }));
    CHECK(cf::any_of(pool, numbers, is_last) == (count > 0));
    CHECK(cf::none_of(pool, numbers, is_last) == (count == 0));
    CHECK(cf::all_of(pool, numbers, is_last) == (count <= 1));
}

TEST_CASE("what a predicate throws comes out of the search", "[find]") {
    const int workers = GENERATE(1, 2);
    cf::ThreadPoolExecutor pool(workers);
    const auto is_bad = [](int n) -> bool {
        if (n == 5'000) throw std::runtime_error("bad");
        return false;
    };
    CHECK_THROWS_AS(cf::any_of(pool, up_to(10'000), is_bad), std::runtime_error);
}

TEST_CASE("a match that is found later does not take the place of an earlier element", "[find]") {
    cf::ThreadPoolExecutor pool(2);
    const std::vector<int> numbers{0, 1};
    for (int round = 0; round < 200; ++round) {
        std::atomic<bool> is_first_found = false;
        std::latch both(2);
        const auto at = cf::find_if(pool, numbers, [&](int n) {
            both.arrive_and_wait();
            if (n == 0) {
                is_first_found = true;
                return true;
            }
            while (!is_first_found) std::this_thread::yield();
            for (int i = 0; i < 100; ++i) std::this_thread::yield();  // the other one is likely to be noted by now
            return true;
        });
        REQUIRE(at == numbers.begin());
    }
}

}  // namespace
