// SPDX-License-Identifier: MIT
//
// wait_idle(), wait_idle_for() and cancel_pending() of every executor.
#include <atomic>
#include <system_error>
#include <vector>

#include "contract/executors.hpp"

namespace contract {
namespace {

CONTRACT_CASE("wait_idle() returns when every task has ended, and the pool goes on") {
    TestType pool(2);
    pool.wait_idle();
    for (int round = 0; round < 3; ++round) {
        std::vector<cf::Future<int>> futures;
        for (int n = 0; n < 50; ++n) futures.push_back(pool.submit(square, n));
        pool.wait_idle();
        for (const auto& future : futures) CHECK(future.done());
        const cf::ExecutorStats now = pool.stats();
        CHECK(now.pending + now.running == 0);
    }
    CHECK(pool.submit(square, 3).result() == 9);
    pool.shutdown();
    pool.wait_idle();
}

CONTRACT_CASE("wait_idle() waits for posted tasks") {
    const support::ProcessLog log;
    TestType pool(2);
    for (int n = 0; n < 20; ++n) pool.post(record, log.path(), n);
    pool.wait_idle();
    CHECK(log.lines().size() == 20);
}

CONCURRENT_CASE("wait_idle_for() throws TimeoutError while a task runs") {
    BusyPool<TestType> busy;
    CHECK_THROWS_AS(busy.pool.wait_idle_for(1ms), cf::TimeoutError);
    CHECK(!busy.call().done());
    busy.open();
    busy.pool.wait_idle_for(1min);
    CHECK(busy.call().done());
}

CONCURRENT_CASE("wait_idle() in a callback of the pool throws, since it would wait for itself") {
    BusyPool<TestType> busy;
    std::atomic<bool> refused{false};
    auto last = busy.call();
    last.add_done_callback([&](const cf::Future<int>&) {
        try {
            busy.pool.wait_idle();
        } catch (const std::system_error& error) {
            refused = error.code() == std::errc::resource_deadlock_would_occur;
        }
    });
    busy.open();
    busy.pool.wait_idle();
    CHECK(refused);
}

CONCURRENT_CASE("cancel_pending() cancels what has not started, and the pool goes on") {
    BusyPool<TestType> busy;
    std::vector<cf::Future<int>> waiting;
    for (int n = 0; n < 10; ++n) waiting.push_back(busy.pool.submit(square, n));
    busy.pool.cancel_pending();
    for (const auto& future : waiting) CHECK(future.cancelled());
    CHECK(!busy.call().done());
    const auto later = busy.pool.submit(square, 3);
    busy.open();
    CHECK(later.result() == 9);
    CHECK(busy.call().result() == 7);
    CHECK(busy.pool.stats().cancelled == 10);
    busy.pool.wait_idle();
}

CONTRACT_CASE("cancel_pending() of a pool in which nothing waits changes nothing") {
    TestType pool(1);
    pool.cancel_pending();
    CHECK(pool.submit(square, 3).result() == 9);
    pool.cancel_pending();
    CHECK(pool.stats().cancelled == 0);
}

}  // namespace
}  // namespace contract
