// SPDX-License-Identifier: MIT
#include <concurrent/futures/as_completed.hpp>
#include <concurrent/futures/promise.hpp>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <iterator>
#include <memory>
#include <thread>
#include <vector>

#include "support/gate.hpp"

namespace {

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

TEST_CASE("as_completed() is an input range", "[as_completed]") {
    using Range = decltype(cf::as_completed(std::vector<cf::Future<int>>()));
    STATIC_REQUIRE(std::input_iterator<Range::Iterator>);
    STATIC_REQUIRE(std::sentinel_for<std::default_sentinel_t, Range::Iterator>);
}

TEST_CASE("as_completed() gives calls in the order they end", "[as_completed]") {
    std::vector<cf::Promise<int>> promises(4);
    std::vector<cf::Future<int>> futures;
    for (const auto& promise : promises) futures.push_back(promise.get_future());
    for (const std::size_t i : {2u, 0u}) promises[i].set_value(static_cast<int>(i));
    std::vector<int> order;
    for (const auto& future : cf::as_completed(futures)) {
        order.push_back(future.result());
        // As Python's test: the consumer ends the others while it iterates.
        if (order.size() == 2) promises[3].set_value(3);
        if (order.size() == 3) promises[1].set_value(1);
    }
    CHECK(order.size() == 4);
    CHECK(order[2] == 3);
    CHECK(order[3] == 1);
}

TEST_CASE("the clock of as_completed() starts at the call", "[as_completed]") {
    cf::Promise<int> promise;
    // Were it started by begin(), each begin() would take as long as the timeout. One that is quicker proves the
    // opposite; a busy machine may delay any of them.
    bool quicker = false;
    for (int attempt = 0; !quicker && attempt < 50; ++attempt) {
        auto range = cf::as_completed(std::vector{promise.get_future()}, 100ms);
        CHECK(promise.get_future().wait_for(100ms) == std::future_status::timeout);
        const auto before = std::chrono::steady_clock::now();
        CHECK_THROWS_AS(range.begin(), cf::TimeoutError);
        quicker = std::chrono::steady_clock::now() - before < 100ms;
    }
    CHECK(quicker);
}

TEST_CASE("what ends after the time but before a look is given all the same", "[as_completed]") {
    cf::Promise<int> promise;
    auto range = cf::as_completed(std::vector{promise.get_future()}, 0s);
    promise.set_value(5);
    CHECK(range.begin()->result() == 5);
}

TEST_CASE("as_completed() keeps no future that it has moved past", "[as_completed]") {
    std::vector<cf::Future<std::shared_ptr<int>>> futures;
    std::vector<std::weak_ptr<int>> values;
    for (int i = 0; i < 3; ++i) {
        cf::Promise<std::shared_ptr<int>> promise;
        auto value = std::make_shared<int>(i);
        values.push_back(value);
        promise.set_value(std::move(value));
        futures.push_back(promise.get_future());
    }
    auto range = cf::as_completed(std::move(futures));
    futures.clear();
    std::size_t alive = 3;
    for (auto& future : range) {
        const std::weak_ptr<int> seen = std::move(future).result();
        CHECK(seen.expired());
        std::size_t now = 0;
        for (const auto& value : values) now += !value.expired();
        CHECK(now == --alive);
    }
    CHECK(alive == 0);
}

TEST_CASE("a range that was given up hears no more of its futures", "[as_completed]") {
    std::vector<cf::Promise<int>> promises(3);
    std::vector<cf::Future<int>> futures;
    for (const auto& promise : promises) futures.push_back(promise.get_future());
    {
        promises[0].set_value(0);
        auto range = cf::as_completed(futures);
        CHECK(range.begin()->result() == 0);
    }
    for (std::size_t i = 1; i < 3; ++i) promises[i].set_value(1);
    CHECK(futures[2].result() == 1);
}

TEST_CASE("a range that is moved goes on", "[as_completed]") {
    cf::Promise<int> promise;
    auto range = cf::as_completed(std::vector{promise.get_future()});
    auto moved = std::move(range);
    promise.set_value(2);
    int sum = 0;
    for (const auto& future : moved) sum += future.result();
    CHECK(sum == 2);
}

TEST_CASE("as_completed() hears of calls that end in other threads", "[as_completed]") {
    for (int round = 0; round < 20; ++round) {
        std::vector<cf::Promise<int>> promises(100);
        std::vector<cf::Future<int>> futures;
        for (const auto& promise : promises) futures.push_back(promise.get_future());
        support::Gate go;
        const auto fulfil = [&](std::size_t first) {
            go.wait();
            for (std::size_t i = first; i < promises.size(); i += 2)
                promises[i].set_value(static_cast<int>(i));
        };
        const std::jthread even(fulfil, 0u), odd(fulfil, 1u);
        go.open();
        int total = 0;
        for (const auto& future : cf::as_completed(futures)) total += future.result();
        REQUIRE(total == 99 * 100 / 2);
    }
}

}  // namespace
