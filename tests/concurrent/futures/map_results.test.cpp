// SPDX-License-Identifier: MIT
//
// What the contract suite does not show: inputs and results that only threads can have, lifetimes.
#include <concurrent/futures/map_results.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <iterator>
#include <list>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "support/gate.hpp"

namespace {

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

TEST_CASE("a map is an input range", "[map_results]") {
    STATIC_REQUIRE(std::input_iterator<cf::MapResults<int>::Iterator>);
    STATIC_REQUIRE(std::sentinel_for<std::default_sentinel_t, cf::MapResults<int>::Iterator>);
    STATIC_REQUIRE(std::is_same_v<cf::MapResults<int>::reference, int&&>);
    STATIC_REQUIRE(std::is_same_v<cf::MapResults<int&>::reference, int&>);
    STATIC_REQUIRE(std::is_same_v<cf::MapResults<void>::value_type, std::monostate>);
}

TEST_CASE("results that are references refer to the originals", "[map_results]") {
    const int chunksize = GENERATE(1, 2);
    std::vector<int> store(4);
    cf::ThreadPoolExecutor pool(2);
    int value = 10;
    for (int& slot : pool.map({.chunksize = chunksize},
                              [&](std::size_t i) -> int& { return store[i]; },
                              std::vector<std::size_t>{0, 1, 2, 3}))
        slot = value++;
    CHECK(store == std::vector<int>{10, 11, 12, 13});
}

TEST_CASE("proxy ranges and ranges of any container are inputs", "[map_results]") {
    cf::ThreadPoolExecutor pool(2);
    int set_bits = 0;
    for (int&& bit : pool.map([](bool b) { return b ? 1 : 0; }, std::vector<bool>{true, false, true}))
        set_bits += bit;
    CHECK(set_bits == 2);
    std::string joined;
    for (std::string&& text : pool.map([](const std::string& a, int n) { return a + std::to_string(n); },
                                       std::list<std::string>{"a", "b"}, std::set<int>{2, 1}))
        joined += text;
    CHECK(joined == "a1b2");
}

TEST_CASE("inputs may be moved out of a range that is given up", "[map_results]") {
    std::vector<std::unique_ptr<int>> boxes;
    for (int i = 0; i < 3; ++i) boxes.push_back(std::make_unique<int>(i));
    struct Moving {
        std::vector<std::unique_ptr<int>> items;
        auto begin() { return std::make_move_iterator(items.begin()); }
        auto end() { return std::make_move_iterator(items.end()); }
    };
    cf::ThreadPoolExecutor pool(1);
    int sum = 0;
    for (int&& n : pool.map([](std::unique_ptr<int> box) { return *box; }, Moving{std::move(boxes)}))
        sum += n;
    CHECK(sum == 3);
}

TEST_CASE("a callable with captures is copied into every task", "[map_results]") {
    cf::ThreadPoolExecutor pool(2);
    const auto offset = std::make_shared<int>(100);
    int sum = 0;
    for (int&& n : pool.map({.chunksize = 2}, [offset](int i) { return *offset + i; },
                            std::vector{1, 2, 3}))
        sum += n;
    CHECK(sum == 306);
    pool.shutdown();
    CHECK(offset.use_count() == 1);
}

TEST_CASE("a map keeps nothing of the results it has given out", "[map_results]") {
    cf::ThreadPoolExecutor pool(1);
    const int chunksize = GENERATE(1, 2);
    std::vector<std::weak_ptr<int>> seen;
    auto results = pool.map({.chunksize = chunksize}, [](int i) { return std::make_shared<int>(i); },
                            std::vector{1, 2, 3, 4});
    for (auto it = results.begin(); it != results.end(); ++it) {
        { seen.emplace_back(std::shared_ptr<int>(*it)); }
        CHECK(seen.back().expired());
    }
    CHECK(seen.size() == 4);
}

/// 0, 1, 2, and then an exception.
struct Breaking {
    struct Iterator {
        using value_type = int;
        using difference_type = std::ptrdiff_t;
        int at = 0;
        int operator*() const {
            if (at == 3) throw std::runtime_error("the input broke");
            return at;
        }
        Iterator& operator++() {
            ++at;
            return *this;
        }
        void operator++(int) { ++at; }
        bool operator==(std::default_sentinel_t) const { return false; }
    };
    Iterator begin() const { return {}; }
    std::default_sentinel_t end() const { return {}; }
};

TEST_CASE("what an input throws is the last element", "[map_results]") {
    cf::ThreadPoolExecutor pool(1);
    const auto same = [](int i) { return i; };
    SECTION("at the call, when everything is submitted") {
        CHECK_THROWS_AS(pool.map(same, Breaking()), std::runtime_error);
        pool.shutdown();
        CHECK(pool.stats().running == 0);
    }
    SECTION("after what came before, when the input is taken bit by bit") {
        auto results = pool.map({.buffersize = 2}, same, Breaking());
        auto it = results.begin();
        for (int i = 0; i < 3; ++i, ++it) CHECK(*it == i);
        REQUIRE(it != results.end());
        CHECK_THROWS_AS(*it, std::runtime_error);
        ++it;
        CHECK(it == results.end());
    }
}

TEST_CASE("a TimeoutError of the call itself is not the time of the map", "[map_results]") {
    const int chunksize = GENERATE(1, 3);
    cf::ThreadPoolExecutor pool(1);
    auto results = pool.map({.timeout = 1h, .chunksize = chunksize},
                            [](int i) {
                                if (i == 1) throw cf::TimeoutError("the call's own");
                                return i;
                            },
                            std::vector{0, 1, 2});
    auto it = results.begin();
    CHECK(*it == 0);
    ++it;
    CHECK_THROWS_AS(*it, cf::TimeoutError);
    ++it;
    REQUIRE(it != results.end());
    CHECK(*it == 2);
}

TEST_CASE("the time of a map counts from its call, over all items", "[map_results]") {
    support::Gate never;
    cf::ThreadPoolExecutor pool(1);
    auto results = pool.map({.timeout = 20ms},
                            [&](int i) {
                                if (i == 2) never.wait();
                                return i;
                            },
                            std::vector{0, 1, 2, 3});
    std::vector<int> given;
    std::string message;
    try {
        for (int&& n : results) given.push_back(n);
    } catch (const cf::TimeoutError& error) {
        message = error.what();
    }
    CHECK(message.find("were still to come when the time was up") != std::string::npos);
    CHECK(given.size() <= 2);
    CHECK(results.begin() == results.end());
    never.open();
}

TEST_CASE("a map in the middle may be moved and destroyed", "[map_results]") {
    support::Gate go;
    cf::ThreadPoolExecutor pool(1);
    {
        auto results = pool.map([&](int i) {
            if (i > 0) go.wait();
            return i;
        }, std::vector{0, 1, 2, 3});
        CHECK(*results.begin() == 0);
        const auto moved = std::move(results);
    }
    go.open();
    pool.shutdown();
    CHECK(pool.stats().cancelled >= 2);
}

TEST_CASE("map_unordered() gives what ends first, first", "[map_results]") {
    support::Gate first, second;
    cf::ThreadPoolExecutor pool(2);
    auto results = pool.map_unordered([&](int i) {
        (i == 0 ? first : second).wait();
        return i;
    }, std::vector{0, 1});
    auto it = results.begin();
    second.open();
    CHECK(*it == 1);
    ++it;
    first.open();
    CHECK(*it == 0);
}

}  // namespace
