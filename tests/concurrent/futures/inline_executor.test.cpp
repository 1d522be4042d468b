// SPDX-License-Identifier: MIT
#include <concurrent/futures/inline_executor.hpp>

#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <vector>

namespace {

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

TEST_CASE("the call runs inside submit(), in the same thread", "[inline_executor]") {
    cf::InlineExecutor pool;
    bool ran = false;
    const auto future = pool.submit([&, caller = std::this_thread::get_id()] {
        ran = std::this_thread::get_id() == caller;
    });
    CHECK(ran);
    CHECK(future.done());
}

TEST_CASE("calls may submit further calls, and wait for them", "[inline_executor]") {
    cf::InlineExecutor pool;
    const auto future = pool.submit([&] {
        CHECK(pool.stats().running == 1);
        return pool.submit([] { return 20; }).result() + 1;
    });
    CHECK(future.result() == 21);
    CHECK(pool.stats().completed == 2);
}

TEST_CASE("arguments are copied even though the call runs at once", "[inline_executor]") {
    cf::InlineExecutor pool;
    int number = 1;
    pool.submit([](int n) { return ++n; }, number).result();
    CHECK(number == 1);
    pool.submit([](int& n) { ++n; }, std::ref(number)).result();
    CHECK(number == 2);
}

TEST_CASE("a callable that wants a stop_token gets one that asks for nothing", "[inline_executor]") {
    cf::InlineExecutor pool;
    CHECK_FALSE(pool.submit([](std::stop_token token) { return token.stop_requested(); }).result());
}

TEST_CASE("timeout and retries are refused", "[inline_executor]") {
    cf::InlineExecutor pool;
    CHECK_THROWS_AS(pool.submit({.timeout = 1s}, [] {}), std::invalid_argument);
    CHECK_THROWS_AS(pool.submit({.retries = 1}, [] {}), std::invalid_argument);
    CHECK(pool.submit({.name = "n", .priority = cf::Priority::high}, [] { return 1; }).result() == 1);
}

TEST_CASE("a call may shut its executor down", "[inline_executor]") {
    cf::InlineExecutor pool;
    pool.submit([&] { pool.shutdown(); }).result();
    CHECK_THROWS_AS(pool.submit([] {}), cf::ShutdownError);
}

TEST_CASE("several threads have each their own calls", "[inline_executor]") {
    cf::InlineExecutor pool;
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t)
            threads.emplace_back([&] {
                for (int i = 0; i < 250; ++i) pool.submit([] {}).result();
            });
    }
    CHECK(pool.stats().completed == 1000);
    CHECK(pool.max_workers() == 1);
}

}  // namespace
