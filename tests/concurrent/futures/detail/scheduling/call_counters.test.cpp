// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/scheduling/call_counters.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>

#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <stdexcept>
#include <thread>
#include <vector>

namespace {

namespace cf = concurrent::futures;
using cf::detail::CallCounters;

TEST_CASE("calls count as running, then as completed or failed", "[call_counters]") {
    CallCounters calls;
    calls.begin();
    calls.begin();
    CHECK(calls.running() == 2);
    calls.end(true);
    CHECK(calls.completed() == 1);
    calls.end(false);
    calls.failed_unstarted();
    CHECK(calls.running() == 0);
    CHECK(calls.failed() == 2);
    CHECK(calls.completed() == 1);
}

TEST_CASE("no count is lost between threads", "[call_counters]") {
    CallCounters calls;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 10'000; ++i) {
                calls.begin();
                calls.end(i % 2 == 0);
            }
        });
    for (std::thread& thread : threads) thread.join();
    CHECK(calls.running() == 0);
    CHECK(calls.completed() == 20'000);
    CHECK(calls.failed() == 20'000);
}

TEST_CASE("stats() are exact as soon as result() returns", "[call_counters]") {
    cf::ThreadPoolExecutor pool(2);
    for (std::size_t n = 1; n <= 1000; ++n) {
        pool.submit([] {}).result();
        const auto now = pool.stats();
        REQUIRE(now.completed == n);
        REQUIRE(now.running == 0);
        REQUIRE(now.pending == 0);
    }
    for (std::size_t n = 1; n <= 1000; ++n) {
        REQUIRE(pool.submit([] { throw std::runtime_error("failed"); }).exception() != nullptr);
        REQUIRE(pool.stats().failed == n);
    }
    CHECK(pool.stats().completed == 1000);
}

TEST_CASE("stats() in a done callback count the call that ended", "[call_counters]") {
    cf::ThreadPoolExecutor pool(1);
    std::size_t seen = 0;
    pool.submit([] {}).add_done_callback([&](const auto&) { seen = pool.stats().completed; });
    pool.shutdown();
    CHECK(seen == 1);
}

}  // namespace
