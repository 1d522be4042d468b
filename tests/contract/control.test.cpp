// SPDX-License-Identifier: MIT
//
// pause(), resume(), start_workers(), is_broken() and this_worker::index() of every pool of this machine.
#include <concurrent/futures/this_worker.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "contract/executors.hpp"

namespace contract {
namespace {

/// -1: not in a worker.
int my_index() {
    const std::optional<std::size_t> index = cf::this_worker::index();
    return index ? static_cast<int>(*index) : -1;
}
int stay_and_tell_index(const std::string& started, const std::string& gate) {
    stay(started, gate, 0);
    return my_index();
}

CONCURRENT_CASE("no task starts while the pool is paused, and all start after resume(), in their order") {
    const support::ProcessLog log;
    TestType pool(1);
    pool.pause();
    std::vector<cf::Future<int>> futures;
    for (int n = 0; n < 20; ++n) futures.push_back(pool.submit(record, log.path(), n));
    pool.post(record, log.path(), 20);
    CHECK_THROWS_AS(pool.wait_idle_for(20ms), cf::TimeoutError);
    CHECK(pool.stats().pending == 21);
    CHECK(log.lines().empty());
    pool.resume();
    pool.wait_idle();
    std::vector<std::string> expected;
    for (int n = 0; n <= 20; ++n) expected.push_back(std::to_string(n));
    CHECK(log.lines() == expected);
}

CONCURRENT_CASE("pause() takes back what waits behind a running task, which goes on") {
    const support::ProcessLog log;
    BusyPool<TestType> busy;
    std::vector<cf::Future<int>> waiting;
    for (int n = 0; n < 10; ++n) waiting.push_back(busy.pool.submit(record, log.path(), n));
    busy.pool.pause();
    busy.open();
    CHECK(busy.call().result() == 7);
    waiting.push_back(busy.pool.submit(record, log.path(), 10));
    CHECK(waiting.front().wait_for(20ms) == std::future_status::timeout);
    CHECK(log.lines().empty());
    CHECK(waiting[3].cancel());
    busy.pool.resume();
    busy.pool.wait_idle();
    CHECK(log.lines() == std::vector<std::string>{"0", "1", "2", "4", "5", "6", "7", "8", "9", "10"});
}

CONCURRENT_CASE("pause() and resume() again and again lose no task and run none twice") {
    const support::ProcessLog log;
    TestType pool(2);
    for (int round = 0; round < 20; ++round) {
        for (int n = 0; n < 10; ++n) pool.post(record, log.path(), round * 10 + n);
        pool.pause();
        for (int n = 0; n < 3; ++n) pool.pause();
        pool.resume();
    }
    pool.wait_idle();
    std::set<std::string> seen;
    for (const std::string& line : log.lines()) CHECK(seen.insert(line).second);
    CHECK(seen.size() == 200);
}

CONCURRENT_CASE("shutdown() of a paused pool runs what waits") {
    TestType pool(2);
    pool.pause();
    const auto future = pool.submit(square, 3);
    pool.shutdown();
    CHECK(future.result() == 9);
    CHECK_THROWS_AS(pool.pause(), cf::ShutdownError);
    pool.resume();
}

CONCURRENT_CASE("the destructor of a paused pool ends, and what waits has run") {
    std::optional<TestType> pool(std::in_place, 2);
    pool->pause();
    const auto future = pool->submit(square, 3);
    pool.reset();
    CHECK(future.result() == 9);
}

CONCURRENT_CASE("shutdown() that cancels starts nothing of a paused pool") {
    const support::ProcessLog log;
    TestType pool(2);
    pool.pause();
    std::vector<cf::Future<int>> waiting;
    for (int n = 0; n < 10; ++n) waiting.push_back(pool.submit(record, log.path(), n));
    pool.shutdown({.cancel_futures = true});
    for (const auto& future : waiting) CHECK(future.cancelled());
    CHECK(log.lines().empty());
}

CONCURRENT_CASE("wait_idle() hears when all that waits in a paused pool is cancelled") {
    TestType pool(2);
    CHECK(pool.submit(square, 3).result() == 9);
    pool.pause();
    const auto waiting = pool.submit(square, 4);
    pool.cancel_pending();
    pool.wait_idle();
    CHECK(waiting.cancelled());
    pool.resume();
    CHECK(pool.submit(square, 5).result() == 25);
}

CONCURRENT_CASE("a paused pool is idle when each waiting task has been cancelled by its future") {
    TestType pool(2);
    pool.pause();
    auto one = pool.submit(square, 3), two = pool.submit(square, 4);
    std::jthread waiter([&] { pool.wait_idle(); });
    CHECK(one.cancel());
    CHECK(two.cancel());
    waiter.join();
    pool.wait_idle();
    pool.resume();
    CHECK(pool.submit(square, 5).result() == 25);
}

CONCURRENT_CASE("start_workers() starts max_workers, also in a paused pool, and they stay") {
    TestType pool(3);
    CHECK(pool.stats().workers == 0);
    pool.pause();
    pool.start_workers();
    CHECK(pool.stats().workers == 3);
    pool.resume();
    pool.start_workers();
    CHECK(pool.stats().workers == 3);
    CHECK(pool.submit(square, 3).result() == 9);
    pool.shutdown();
    CHECK_THROWS_AS(pool.start_workers(), cf::ShutdownError);
}

CONCURRENT_CASE("start_workers() in a callback of the pool throws, since the workers may wait for it") {
    BusyPool<TestType> busy;
    std::atomic<bool> refused{false};
    auto last = busy.call();
    last.add_done_callback([&](const cf::Future<int>&) {
        try {
            busy.pool.start_workers();
        } catch (const std::system_error& error) {
            refused = error.code() == std::errc::resource_deadlock_would_occur;
        }
    });
    busy.open();
    busy.pool.wait_idle();
    CHECK(refused);
}

CONCURRENT_CASE("a pool that works is not broken, before and after shutdown()") {
    TestType pool(1);
    CHECK(!pool.is_broken());
    CHECK(pool.submit(square, 3).result() == 9);
    CHECK(!pool.is_broken());
    pool.shutdown();
    CHECK(!pool.is_broken());
}

CONCURRENT_CASE("this_worker::index() numbers the workers from 0, and is empty outside of them") {
    CHECK(!cf::this_worker::index());
    TestType pool(3);
    support::ProcessCounter started;
    support::ProcessGate gate;
    std::vector<cf::Future<int>> futures;
    for (int n = 0; n < 3; ++n) futures.push_back(pool.submit(stay_and_tell_index, started.path(), gate.path()));
    started.wait_for(3);
    gate.open();
    std::vector<int> seen;
    for (const auto& future : futures) seen.push_back(future.result());
    std::sort(seen.begin(), seen.end());
    CHECK(seen == std::vector{0, 1, 2});
    for (int n = 0; n < 20; ++n) CHECK(pool.submit(my_index).result() < 3);
    CHECK(!cf::this_worker::index());
}

}  // namespace
}  // namespace contract
