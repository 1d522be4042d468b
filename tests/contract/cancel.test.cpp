// SPDX-License-Identifier: MIT
//
// The contract of every executor, part 2: states, cancelling, waiting for one call with a limit.
#include <sstream>
#include <stdexcept>
#include <thread>
#include <vector>

#include "contract/executors.hpp"

namespace contract {
namespace {

std::string printed(const cf::Future<int>& future) {
    std::ostringstream text;
    text << future;
    return text.str();
}

CONTRACT_CASE("a finished call cannot be cancelled") {
    TestType pool;
    const auto returned = pool.submit(square, 3);
    const auto failed = pool.submit(fail_with, std::string("no"));
    returned.wait();
    failed.wait();
    CHECK_FALSE(returned.cancel());
    CHECK_FALSE(failed.cancel());
    CHECK_FALSE(returned.cancelled());
    CHECK(returned.result() == 9);
    CHECK_THROWS_AS(failed.result(), std::runtime_error);
}

CONTRACT_CASE("request_stop() leaves a finished call alone") {
    TestType pool;
    const auto future = pool.submit(square, 3);
    future.wait();
    future.request_stop();
    CHECK(future.result() == 9);
}

CONCURRENT_CASE("a call that waits for its turn can be cancelled and never runs") {
    support::ProcessLog log;
    BusyPool<TestType> busy;
    const auto waiting = busy.pool.submit(record, log.path(), 1);
    const auto after = busy.pool.submit(record, log.path(), 2);
    CHECK(waiting.cancel());
    CHECK(waiting.cancelled());
    CHECK(waiting.done());
    CHECK_FALSE(waiting.running());
    busy.open();
    busy.pool.shutdown();
    CHECK(log.lines() == std::vector<std::string>{"2"});
    CHECK(after.result() == 2);
    CHECK(waiting.cancelled());
}

CONCURRENT_CASE("result() and exception() of a cancelled call throw CancelledError") {
    BusyPool<TestType> busy;
    const auto waiting = busy.pool.submit(square, 1);
    REQUIRE(waiting.cancel());
    CHECK_THROWS_AS(waiting.result(), cf::CancelledError);
    CHECK_THROWS_AS(waiting.result(0s), cf::CancelledError);
    CHECK_THROWS_AS(waiting.exception(), cf::CancelledError);
    CHECK(waiting.wait_for(0s) == std::future_status::ready);
}

CONCURRENT_CASE("cancel() gives true again for a cancelled call") {
    BusyPool<TestType> busy;
    const auto waiting = busy.pool.submit(square, 1);
    CHECK(waiting.cancel());
    CHECK(waiting.cancel());
}

CONCURRENT_CASE("request_stop() cancels a call that waits for its turn") {
    BusyPool<TestType> busy;
    const auto waiting = busy.pool.submit(square, 1);
    waiting.request_stop();
    CHECK(waiting.cancelled());
}

CONCURRENT_CASE("a running call cannot be cancelled and still gives its result") {
    BusyPool<TestType> busy;
    CHECK_FALSE(busy.call().cancel());
    CHECK_FALSE(busy.call().cancelled());
    CHECK(busy.call().running());
    busy.open();
    CHECK(busy.call().result() == 7);
}

CONCURRENT_CASE("cancelling many waiting calls leaves the others their results") {
    BusyPool<TestType> busy;
    std::vector<cf::Future<int>> futures;
    for (int i = 0; i < 200; ++i) futures.push_back(busy.pool.submit(square, i));
    for (std::size_t i = 0; i < futures.size(); i += 2) CHECK(futures[i].cancel());
    busy.open();
    for (std::size_t i = 1; i < futures.size(); i += 2)
        CHECK(futures[i].result() == static_cast<int>(i * i));
    for (std::size_t i = 0; i < futures.size(); i += 2) CHECK(futures[i].cancelled());
}

CONCURRENT_CASE("cancel() wakes a thread that waits in result()") {
    BusyPool<TestType> busy;
    const auto waiting = busy.pool.submit(square, 1);
    support::Gate asked;
    bool cancelled = false;
    {
        const std::jthread other([&] {
            asked.open();
            try {
                waiting.result();
            } catch (const cf::CancelledError&) {
                cancelled = true;
            }
        });
        asked.wait();
        CHECK(waiting.cancel());
    }
    CHECK(cancelled);
}

CONCURRENT_CASE("result() with a limit throws TimeoutError and the call goes on") {
    BusyPool<TestType> busy;
    CHECK_THROWS_AS(busy.call().result(0s), cf::TimeoutError);
    CHECK_THROWS_AS(busy.call().result(-1s), cf::TimeoutError);
    CHECK_THROWS_AS(busy.call().result(1ms), cf::TimeoutError);
    CHECK_THROWS_AS(busy.call().exception(0s), cf::TimeoutError);
    CHECK(busy.call().wait_for(0s) == std::future_status::timeout);
    const auto waiting = busy.pool.submit(square, 2);
    CHECK_THROWS_AS(waiting.result(0s), cf::TimeoutError);
    CHECK_FALSE(waiting.done());
    busy.open();
    CHECK(busy.call().result(std::chrono::hours::max()) == 7);
    CHECK(waiting.result(std::chrono::seconds::max()) == 4);
}

CONCURRENT_CASE("a future shows where its call is") {
    BusyPool<TestType> busy;
    const auto waiting = busy.pool.submit(square, 2);
    const auto cancelled = busy.pool.submit(square, 3);
    cancelled.cancel();
    CHECK(printed(busy.call()) == "<Future: running>");
    CHECK(printed(waiting) == "<Future: pending>");
    CHECK(printed(cancelled) == "<Future: cancelled>");
    CHECK_FALSE(busy.call().done());
    CHECK_FALSE(waiting.done());
    CHECK_FALSE(waiting.running());
    CHECK_FALSE(waiting.cancelled());
    busy.open();
    waiting.wait();
    CHECK(printed(waiting) == "<Future: finished>");
}

CONCURRENT_CASE("several threads may wait for one call") {
    BusyPool<TestType> busy;
    std::vector<int> results(4);
    {
        std::vector<std::jthread> waiters;
        for (int& result : results)
            waiters.emplace_back([&result, future = busy.call()] { result = future.result(); });
        busy.open();
    }
    CHECK(results == std::vector<int>(4, 7));
}

}  // namespace
}  // namespace contract
