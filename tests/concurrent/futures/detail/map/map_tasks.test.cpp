// SPDX-License-Identifier: MIT
//
// A map with a buffersize: what it has submitted when it does not go on.
#include <concurrent/futures/detail/map/map_tasks.hpp>
#include <concurrent/futures/errors.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <cstddef>
#include <ranges>
#include <stdexcept>

#include "support/gate.hpp"

namespace {

namespace cf = concurrent::futures;
using namespace std::chrono_literals;
using Pool = cf::ThreadPoolExecutor;

/// 0, 1, …; counts what was read, and throws at `bad`.
auto numbers(std::atomic<int>& read, int bad) {
    return std::views::iota(0, 10) | std::views::transform([&read, bad](int n) {
               if (n == bad) throw std::out_of_range("expected");
               ++read;
               return n;
           });
}
int same(int n) { return n; }

TEST_CASE("a map that is never read runs what it has submitted, and reads no more", "[map_tasks]") {
    const bool ordered = GENERATE(true, false);
    std::atomic<int> read = 0, ran = 0;
    Pool pool(1);
    pool.pause();
    const auto run = [&](int) { ++ran; };
    const cf::MapOptions options{.buffersize = 3};
    if (ordered)
        static_cast<void>(pool.map(options, run, numbers(read, -1)));
    else
        static_cast<void>(pool.map_unordered(options, run, numbers(read, -1)));
    pool.shutdown();
    CHECK(read == 3);
    CHECK(ran == 3);
}

TEST_CASE("a map reads no more ahead than its buffersize, with chunks too", "[map_tasks]") {
    const bool ordered = GENERATE(true, false);
    const int chunksize = GENERATE(1, 4);
    std::atomic<int> read = 0;
    Pool pool(1);
    const cf::MapOptions options{.chunksize = chunksize, .buffersize = 2};
    auto results = ordered ? pool.map(options, same, numbers(read, -1)) : pool.map_unordered(options, same, numbers(read, -1));
    CHECK(read == 2);
    int taken = 0;
    for (auto it = results.begin(); it != results.end(); ++it) {
        if (taken++ % 2 == 0) static_cast<void>(*it);  // or not looked at
        CHECK(read <= taken + 2);
    }
    CHECK(taken == 10);
}

TEST_CASE("a map whose input throws at once has submitted nothing that stays", "[map_tasks]") {
    const bool ordered = GENERATE(true, false);
    std::atomic<int> read = 0;
    Pool pool(1);
    pool.pause();
    const cf::MapOptions options{.buffersize = 5};
    if (ordered)
        CHECK_THROWS_AS(pool.map(options, same, numbers(read, 3)), std::out_of_range);
    else
        CHECK_THROWS_AS(pool.map_unordered(options, same, numbers(read, 3)), std::out_of_range);
    CHECK(read == 3);
    CHECK(pool.stats().pending == 0);
    CHECK(pool.stats().cancelled == 3);
}

TEST_CASE("a map whose input throws later gives that behind what came before, and then ends", "[map_tasks]") {
    const bool ordered = GENERATE(true, false), looks = GENERATE(true, false);
    std::atomic<int> read = 0;
    Pool pool(1);
    auto results = ordered ? pool.map({.buffersize = 2}, same, numbers(read, 3))
                           : pool.map_unordered({.buffersize = 2}, same, numbers(read, 3));
    auto it = results.begin();
    for (int n = 0; n < 3; ++n, ++it) REQUIRE((it != results.end() && *it >= 0));
    REQUIRE(it != results.end());
    if (looks) CHECK_THROWS_AS(*it, std::out_of_range);
    ++it;
    CHECK(it == results.end());
}

TEST_CASE("a map that is cancelled is at its end, though its input has failed", "[map_tasks]") {
    const bool ordered = GENERATE(true, false);
    std::atomic<int> read = 0;
    Pool pool(1);
    auto results = ordered ? pool.map({.buffersize = 2}, same, numbers(read, 2))
                           : pool.map_unordered({.buffersize = 2}, same, numbers(read, 2));
    auto it = results.begin();
    static_cast<void>(*it);
    results.cancel();
    CHECK(it == results.end());
}

TEST_CASE("a map whose time is up cancels what waits, also the item that is waited for", "[map_tasks]") {
    const bool ordered = GENERATE(true, false);
    const std::size_t buffersize = GENERATE(1u, 3u);
    std::atomic<int> read = 0;
    Pool pool(1);
    pool.pause();
    const cf::MapOptions options{.timeout = 1ms, .buffersize = buffersize};
    auto results = ordered ? pool.map(options, same, numbers(read, -1)) : pool.map_unordered(options, same, numbers(read, -1));
    auto it = results.begin();
    CHECK_THROWS_AS(*it, cf::TimeoutError);
    CHECK(pool.stats().pending == 0);
    ++it;
    CHECK(it == results.end());
}

TEST_CASE("results in any order come beside an item that takes long, however many", "[map_tasks]") {
    support::Gate open;
    Pool pool(2);
    auto results = pool.map_unordered({.buffersize = 4}, [&](int n) { return n == 0 ? open.wait(), n : n; },
                                      std::views::iota(0, 200));
    int sum = 0;
    auto it = results.begin();
    for (int n = 1; n < 200; ++n, ++it) sum += *it;
    CHECK(sum == 199 * 200 / 2);
    open.open();
    CHECK(*it == 0);
    ++it;
    CHECK(it == results.end());
}

}  // namespace
