// SPDX-License-Identifier: MIT
//
// The contract of every executor, part 6: shutdown, post, statistics and options.
#include <atomic>
#include <limits>
#include <memory>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <vector>

#include "contract/executors.hpp"

namespace contract {
namespace {

void count(const std::string& log) { support::count_event(log); }

void count_and_throw(const std::string& log) {
    support::count_event(log);
    throw std::runtime_error("expected: thrown by a posted call");
}

CONTRACT_CASE("after shutdown() nothing more is taken") {
    TestType pool;
    CHECK(pool.submit(square, 2).result() == 4);
    pool.shutdown();
    CHECK_THROWS_AS(pool.submit(square, 2), cf::ShutdownError);
    CHECK_THROWS_AS(pool.submit({.name = "late"}, square, 2), cf::ShutdownError);
    CHECK_THROWS_AS(pool.post(square, 2), cf::ShutdownError);
    CHECK_THROWS_AS(pool.map(square, std::vector{1}), cf::ShutdownError);
    CHECK_THROWS_AS(pool.map_unordered(square, std::vector{1}), cf::ShutdownError);
}

CONTRACT_CASE("shutdown() may be called again and again") {
    TestType pool;
    const auto future = pool.submit(square, 2);
    pool.shutdown();
    pool.shutdown({.wait = false});
    pool.shutdown({.cancel_futures = true});
    pool.shutdown_for(1h);
    CHECK(future.result() == 4);
}

CONTRACT_CASE("an executor that was never used shuts down") {
    TestType pool;
    pool.shutdown();
    CHECK(pool.stats().running == 0);
    const TestType another;
    CHECK(another.stats().completed == 0);
}

CONTRACT_CASE("shutdown() lets run what was submitted before") {
    support::ProcessCounter ran;
    TestType pool;
    std::vector<cf::Future<void>> futures;
    for (int i = 0; i < 50; ++i) futures.push_back(pool.submit(count, ran.path()));
    pool.shutdown();
    CHECK(ran.value() == 50);
    for (const auto& future : futures) {
        CHECK(future.done());
        CHECK_FALSE(future.cancelled());
    }
}

CONTRACT_CASE("the destructor lets run what was submitted before") {
    support::ProcessCounter ran;
    {
        TestType pool;
        for (int i = 0; i < 20; ++i) pool.submit(count, ran.path());
    }
    CHECK(ran.value() == 20);
}

CONCURRENT_CASE("shutdown() without waiting returns at once, and what waits still runs") {
    support::ProcessCounter ran;
    BusyPool<TestType> busy;
    const auto waiting = busy.pool.submit(count, ran.path());
    busy.pool.shutdown({.wait = false});
    CHECK_FALSE(busy.call().done());
    CHECK_THROWS_AS(busy.pool.submit(square, 1), cf::ShutdownError);
    busy.open();
    CHECK(busy.call().result() == 7);
    waiting.result();
    busy.pool.shutdown();
    CHECK(ran.value() == 1);
}

CONCURRENT_CASE("shutdown() with cancel_futures cancels what waits and nothing else") {
    support::ProcessCounter ran;
    BusyPool<TestType> busy;
    std::vector<cf::Future<void>> waiting;
    for (int i = 0; i < 20; ++i) waiting.push_back(busy.pool.submit(count, ran.path()));
    busy.pool.shutdown({.wait = false, .cancel_futures = true});
    for (const auto& future : waiting) CHECK(future.cancelled());
    CHECK_FALSE(busy.call().done());
    busy.open();
    busy.pool.shutdown();
    CHECK(busy.call().result() == 7);
    CHECK(ran.value() == 0);
}

CONCURRENT_CASE("a later shutdown() may still cancel") {
    BusyPool<TestType> busy;
    const auto waiting = busy.pool.submit(square, 2);
    busy.pool.shutdown({.wait = false});
    CHECK_FALSE(waiting.done());
    busy.pool.shutdown({.wait = false, .cancel_futures = true});
    CHECK(waiting.cancelled());
}

CONCURRENT_CASE("shutdown() with cancel_futures wakes those who wait for the cancelled") {
    BusyPool<TestType> busy;
    const auto waiting = busy.pool.submit(square, 2);
    support::Gate asked;
    bool cancelled = false;
    {
        const std::jthread other([&] {
            asked.open();
            cancelled = cf::wait(std::vector{waiting}).done.at(0).cancelled();
        });
        asked.wait();
        busy.pool.shutdown({.wait = false, .cancel_futures = true});
    }
    CHECK(cancelled);
}

CONTRACT_CASE("shutdown() may come from several threads at once") {
    support::ProcessCounter ran;
    TestType pool(2);
    for (int i = 0; i < 20; ++i) pool.submit(count, ran.path());
    std::atomic<int> complete = 0;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i)
            threads.emplace_back([&] {
                pool.shutdown();
                complete += ran.value() == 20;
            });
    }
    CHECK(complete == 4);
}

CONCURRENT_CASE("shutdown_for() gives up with TimeoutError and may be called again") {
    BusyPool<TestType> busy;
    CHECK_THROWS_AS(busy.pool.shutdown_for(1ms), cf::TimeoutError);
    CHECK_THROWS_AS(busy.pool.shutdown_for(0s), cf::TimeoutError);
    CHECK_THROWS_AS(busy.pool.submit(square, 1), cf::ShutdownError);
    busy.open();
    busy.pool.shutdown_for(1h);
    CHECK(busy.call().result(0s) == 7);
}

CONCURRENT_CASE("a cancelled call does not hold up shutdown()") {
    TestType pool(1);
    for (int i = 0; i < 50; ++i) pool.submit(square, i).cancel();
    pool.shutdown();
    const cf::ExecutorStats stats = pool.stats();
    CHECK(stats.completed + stats.cancelled == 50);
}

CONTRACT_CASE("post() runs its call before shutdown() returns") {
    support::ProcessCounter ran;
    TestType pool;
    for (int i = 0; i < 10; ++i) pool.post(count, ran.path());
    pool.shutdown();
    CHECK(ran.value() == 10);
}

CONTRACT_CASE("what a posted call throws harms nobody") {
    support::ProcessCounter ran;
    TestType pool(1);
    for (int i = 0; i < 3; ++i) pool.post(count_and_throw, ran.path());
    CHECK(pool.submit(square, 3).result() == 9);
    pool.shutdown();
    CHECK(ran.value() == 3);
    CHECK(pool.stats().failed == 3);
    CHECK(pool.stats().completed == 1);
}

CONTRACT_CASE("stats() counts what returned and what threw") {
    TestType pool;
    for (int i = 0; i < 5; ++i) pool.submit(square, i);
    for (int i = 0; i < 3; ++i) pool.submit(fail_with, std::string("no"));
    pool.shutdown();
    const cf::ExecutorStats stats = pool.stats();
    CHECK(stats.completed == 5);
    CHECK(stats.failed == 3);
    CHECK(stats.cancelled == 0);
    CHECK(stats.pending == 0);
    CHECK(stats.running == 0);
    CHECK(stats.worker_restarts == 0);
}

CONCURRENT_CASE("stats() counts what runs, what waits and what was cancelled") {
    BusyPool<TestType> busy;
    std::vector<cf::Future<int>> waiting;
    for (int i = 0; i < 5; ++i) waiting.push_back(busy.pool.submit(square, i));
    waiting[0].cancel();
    waiting[3].cancel();
    {
        const cf::ExecutorStats stats = busy.pool.stats();
        CHECK(stats.workers == 1);
        CHECK(stats.idle == 0);
        CHECK(stats.running == 1);
        CHECK(stats.pending == 3);
        CHECK(stats.cancelled == 2);
        CHECK(stats.completed == 0);
    }
    busy.open();
    busy.pool.shutdown();
    const cf::ExecutorStats stats = busy.pool.stats();
    CHECK(stats.workers == 0);
    CHECK(stats.running == 0);
    CHECK(stats.pending == 0);
    CHECK(stats.cancelled == 2);
    CHECK(stats.completed == 4);
}

CONCURRENT_CASE("stats() counts what shutdown() cancels once") {
    BusyPool<TestType> busy;
    std::vector<cf::Future<int>> waiting;
    for (int i = 0; i < 5; ++i) waiting.push_back(busy.pool.submit(square, i));
    waiting[2].cancel();
    busy.pool.shutdown({.wait = false, .cancel_futures = true});
    busy.open();
    busy.pool.shutdown();
    CHECK(busy.pool.stats().cancelled == 5);
    CHECK(busy.pool.stats().completed == 1);
}

CONCURRENT_CASE("max_workers() is what was asked for") {
    CHECK(TestType(3).max_workers() == 3);
    CHECK(TestType(1).max_workers() == 1);
}

CONCURRENT_CASE("no number of workers means as many as there are processors, or ranks") {
    TestType pool(0);
    CHECK(pool.max_workers() == default_workers<TestType>());
    CHECK(pool.submit(square, 3).result() == 9);
}

CONCURRENT_CASE("an absurd number of workers is refused") {
    CHECK_THROWS_AS(TestType(-1), std::invalid_argument);
    CHECK_THROWS_AS(TestType(std::numeric_limits<std::size_t>::max()), std::invalid_argument);
    CHECK_THROWS_AS(TestType(100'000'000), std::invalid_argument);
}

CONCURRENT_CASE("options that this executor cannot honour are refused, and nothing is queued") {
    TestType pool(1);
    CHECK_THROWS_AS(pool.submit({.timeout = -1s}, square, 2), std::invalid_argument);
    CHECK(pool.stats().pending == 0);
    CHECK(pool.submit(square, 2).result() == 4);
}

CONTRACT_CASE("many executors can live and end together") {
    for (int round = 0; round < 5; ++round) {
        std::vector<std::unique_ptr<TestType>> pools;
        std::vector<cf::Future<int>> futures;
        for (int i = 0; i < 4; ++i) {
            // g++ 12's AddressSanitizer does not guard its allocator in fork(): a pool that is forked while
            // another one's manager thread allocates may hang there.
            if (support::address_sanitized && std::is_same_v<TestType, ForkedProcesses> && i > 0) {
                if (round == 0) WARN("one forked pool instead of four under AddressSanitizer");
                break;
            }
            pools.push_back(std::make_unique<TestType>(2));
            futures.push_back(pools.back()->submit(square, i));
        }
        pools.erase(pools.begin(), pools.begin() + static_cast<std::ptrdiff_t>(pools.size() / 2));
        for (std::size_t i = 0; i < futures.size(); ++i)
            CHECK(futures[i].result() == static_cast<int>(i * i));
    }
}

}  // namespace
}  // namespace contract
