// SPDX-License-Identifier: MIT
//
// What the contract suite does not show: inputs and results that only threads can have, lifetimes.
#include <concurrent/futures/map_results.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <iterator>
#include <latch>
#include <list>
#include <memory>
#include <numeric>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "support/deadline.hpp"
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

TEST_CASE("the items of a chunk run one after the other in one worker", "[map_results]") {
    cf::ThreadPoolExecutor pool(4);
    std::vector<int> items(1'000);
    std::iota(items.begin(), items.end(), 0);
    static thread_local int before = -1;  // the item that this thread ran last
    int place = 0, in_a_row = 0;
    for (const int previous : pool.map({.chunksize = 10}, [](int n) { return std::exchange(before, n); }, items)) {
        in_a_row += previous == place - 1;
        ++place;
    }
    CHECK(place == 1'000);
    CHECK(in_a_row >= 900);  // but for the first ones of the 100 chunks
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
    std::atomic<int> started{0};
    cf::ThreadPoolExecutor pool(1);
    {
        auto results = pool.map([&](int i) {
            ++started;
            if (i > 0) go.wait();
            return i;
        }, std::vector{0, 1, 2, 3});
        CHECK(*results.begin() == 0);
        const auto moved = std::move(results);
    }
    go.open();
    pool.shutdown();
    CHECK(started <= 2);  // the second one may have been at the gate
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

// ---- chunks of the library's own choice ----

std::vector<int> up_to(int count) {
    std::vector<int> numbers(static_cast<std::size_t>(count));
    std::iota(numbers.begin(), numbers.end(), 0);
    return numbers;
}

TEST_CASE("an item that blocks among short ones holds back no other", "[map_results]") {
    const int workers = GENERATE(2, 4);
    support::Gate go;
    cf::ThreadPoolExecutor pool(workers);
    auto results = pool.map_unordered([&](int i) {
        if (i == 1'500) go.wait();
        return i;
    }, up_to(3'000));
    auto it = results.begin();
    std::set<int> seen;
    for (int i = 0; i < 2'999; ++i, ++it) seen.insert(*it);
    CHECK(seen.size() == 2'999);
    CHECK(!seen.contains(1'500));
    go.open();
    CHECK(*it == 1'500);
    ++it;
    CHECK(it == results.end());
}

TEST_CASE("short items before one that blocks can be read while it does", "[map_results]") {
    support::Gate go;
    cf::ThreadPoolExecutor pool(1);
    int sum = 0;
    for (int&& i : pool.map([&](int n) {
             if (n == 2'000) go.wait();
             return n;
         }, up_to(2'001))) {
        if (i == 1'999) go.open();  // it is only the reader who opens
        sum += i;
    }
    CHECK(sum == 2'000 * 2'001 / 2);
}

TEST_CASE("items may wait for each other", "[map_results]") {
    const int pairs = GENERATE(1, 20, 500);
    std::vector<std::unique_ptr<std::latch>> latches;
    for (int i = 0; i < pairs; ++i) latches.push_back(std::make_unique<std::latch>(2));
    cf::ThreadPoolExecutor pool(2);
    int ended = 0;
    for (int&& n : pool.map([&](int i) {
             latches[static_cast<std::size_t>(i) / 2]->arrive_and_wait();
             return i;
         }, up_to(2 * pairs)))
        CHECK(n == ended++);
    CHECK(ended == 2 * pairs);
}

TEST_CASE("a task may iterate over many items on one worker", "[map_results]") {
    const bool ordered = GENERATE(true, false);
    cf::ThreadPoolExecutor pool(1);
    const auto sum_of_squares = [&](int count) {
        std::int64_t sum = 0;
        const auto square = [](int n) { return std::int64_t{n} * n; };
        if (ordered)
            for (std::int64_t&& square_of : pool.map(square, up_to(count))) sum += square_of;
        else
            for (std::int64_t&& square_of : pool.map_unordered(square, up_to(count))) sum += square_of;
        return sum;
    };
    CHECK(pool.submit(sum_of_squares, 5'000).result() == 41'654'167'500);
    // Maps of maps of maps.
    std::int64_t total = 0;
    for (std::int64_t&& sum : pool.map([&](int) {
             std::int64_t inner = 0;
             for (std::int64_t&& one : pool.map([&](int) { return sum_of_squares(100); }, up_to(10)))
                 inner += one;
             return inner;
         }, up_to(100)))
        total += sum;
    CHECK(total == 1'000 * std::int64_t{328'350});
}

TEST_CASE("calls may iterate over maps with the library's chunks a thousand deep on one worker",
          "[map_results]") {
    cf::ThreadPoolExecutor pool(1);
    const bool ordered = GENERATE(true, false);
    const std::function<int(int)> descend = [&](int level) {
        if (level == 0) return 0;
        const auto next = [&, level](int n) { return n == 0 ? descend(level - 1) : 1; };
        int sum = 0;
        if (ordered)
            for (int&& n : pool.map(next, std::vector{0, 1})) sum += n;
        else
            for (int&& n : pool.map_unordered(next, std::vector{0, 1})) sum += n;
        return sum;
    };
    const int depth = support::sanitized ? 200 : 1'000;
    CHECK(pool.submit(descend, depth).result() == depth);
}

TEST_CASE("destroying a map of many items in the middle starts no more of them", "[map_results]") {
    const int workers = GENERATE(1, 3);
    cf::ThreadPoolExecutor pool(workers);
    std::atomic<int> started = 0;
    int after = 0;
    {
        auto results = pool.map([&](int i) { return ++started, i; }, up_to(200'000));
        auto it = results.begin();
        for (int i = 0; i < 100; ++i, ++it) REQUIRE(*it == i);
        results.cancel();
        after = started;
        CHECK(it == results.end());
    }
    pool.shutdown();
    CHECK(started <= after + workers);  // those between their claim and their first statement
}

TEST_CASE("the time of a map of many items is up in the middle of them", "[map_results]") {
    support::Gate never;
    cf::ThreadPoolExecutor pool(2);
    auto results = pool.map({.timeout = 30ms},
                            [&](int i) {
                                if (i == 700) never.wait();
                                return i;
                            },
                            up_to(1'000));
    std::vector<int> given;
    CHECK_THROWS_AS([&] { for (int&& n : results) given.push_back(n); }(), cf::TimeoutError);
    CHECK(given.size() <= 700);
    CHECK(results.begin() == results.end());
    never.open();
}

TEST_CASE("what has not started fails as the pool does, for a map of many items", "[map_results]") {
    support::Gate submitted;
    cf::ThreadPoolExecutor pool({.max_workers = 1, .initializer = [&] {
                                     submitted.wait();
                                     throw std::runtime_error("no licence");
                                 }});
    auto results = pool.map([](int i) { return i; }, up_to(200));
    submitted.open();
    int failed = 0;
    for (auto it = results.begin(); it != results.end(); ++it) {
        try {
            static_cast<void>(*it);
        } catch (const cf::BrokenThreadPool& error) {
            failed += std::string(error.what()).find("no licence") != std::string::npos;
        }
    }
    CHECK(failed == 200);
}

TEST_CASE("a callable that changes starts from the original for each item", "[map_results]") {
    cf::ThreadPoolExecutor pool(2);
    int sum = 0;
    for (int&& n : pool.map([count = 0](int) mutable { return ++count; }, up_to(1'000))) sum += n;
    CHECK(sum == 1'000);
}

TEST_CASE("an item's input is gone when its result is there", "[map_results]") {
    cf::ThreadPoolExecutor pool(1);
    std::vector<std::shared_ptr<int>> inputs;
    for (int i = 0; i < 200; ++i) inputs.push_back(std::make_shared<int>(i));
    int i = 0;
    for (int&& n : pool.map([](const std::shared_ptr<int>& p) { return *p; }, inputs)) {
        CHECK(n == i);
        CHECK(inputs[static_cast<std::size_t>(i++)].use_count() == 1);
    }
}

TEST_CASE("a call of high priority need not wait for the end of a map", "[map_results]") {
    support::Gate submitted;
    cf::ThreadPoolExecutor pool(1);
    std::atomic<int> ran = 0;
    const int count = 500'000;  // 5 s at least
    auto results = pool.map([&](int i) {
        if (i == 1) submitted.wait();
        const auto end = std::chrono::steady_clock::now() + 10us;
        while (std::chrono::steady_clock::now() < end) {
        }
        ++ran;
        return i;
    }, up_to(count));
    CHECK(*results.begin() == 0);
    const auto high = pool.submit({.priority = cf::Priority::high}, [&] { return ran.load(); });
    submitted.open();
    CHECK(high.result() < count);
    results.cancel();
}

TEST_CASE("inputs that come one by one are started one by one", "[map_results]") {
    support::Gate first_ran;
    std::atomic<int> ran = 0;
    struct Waiting {  // does not give its last element before the others have run
        struct Iterator {
            using value_type = int;
            using difference_type = std::ptrdiff_t;
            using iterator_category = std::input_iterator_tag;
            support::Gate* gate;
            int at = 0;
            int operator*() const {
                if (at == 199) gate->wait();
                return at;
            }
            Iterator& operator++() {
                ++at;
                return *this;
            }
            void operator++(int) { ++at; }
            bool operator==(std::default_sentinel_t) const { return at == 200; }
        };
        Iterator begin() { return {&gate}; }
        std::default_sentinel_t end() const { return {}; }
        support::Gate& gate;
    };
    cf::ThreadPoolExecutor pool(2);
    int sum = 0;
    for (int&& n : pool.map([&](int i) {
             if (++ran == 199) first_ran.open();
             return i;
         }, Waiting{first_ran}))
        sum += n;
    CHECK(sum == 199 * 200 / 2);
}

}  // namespace
