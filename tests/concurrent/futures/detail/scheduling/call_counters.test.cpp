// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/scheduling/call_counters.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstddef>
#include <stdexcept>
#include <thread>
#include <vector>

namespace {

namespace cf = concurrent::futures;
using cf::detail::CallCounters;

CallCounters::Counts counts_of(const CallCounters& calls) {
    CallCounters::Counts counts;
    calls.add_to(counts);
    return counts;
}

TEST_CASE("calls count as running, then as completed or failed", "[call_counters]") {
    const auto writers = GENERATE(CallCounters::Writers::one, CallCounters::Writers::many);
    CallCounters calls(writers);
    calls.begin();
    calls.begin();
    CHECK(counts_of(calls).running() == 2);
    calls.end(true);
    CHECK(counts_of(calls).completed == 1);
    calls.end(false);
    calls.failed_unstarted();
    calls.cancelled();
    CHECK(counts_of(calls).running() == 0);
    CHECK(counts_of(calls).begun == 3);  // also the one that failed without
    CHECK(counts_of(calls).failed == 2);
    CHECK(counts_of(calls).completed == 1);
    CHECK(counts_of(calls).cancelled == 1);
}

TEST_CASE("no count is lost between threads", "[call_counters]") {
    CallCounters calls(CallCounters::Writers::many);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 10'000; ++i) {
                calls.begin();
                calls.end(i % 2 == 0);
            }
        });
    for (std::thread& thread : threads) thread.join();
    CHECK(counts_of(calls).running() == 0);
    CHECK(counts_of(calls).completed == 20'000);
    CHECK(counts_of(calls).failed == 20'000);
}

TEST_CASE("the counts of several threads add up", "[call_counters]") {
    CallCounters one(CallCounters::Writers::one), other(CallCounters::Writers::one);
    one.begin();
    other.begin();
    other.end(true);
    CallCounters::Counts sum = counts_of(one);
    other.add_to(sum);
    CHECK(sum.begun == 2);
    CHECK(sum.running() == 1);
    CHECK(sum.completed == 1);
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
