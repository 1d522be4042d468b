// SPDX-License-Identifier: MIT
//
// wait_idle(), wait_idle_for() and cancel_pending() of every executor.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <future>
#include <limits>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "contract/executors.hpp"
#include "support/processes.hpp"

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

#if !defined(CONTRACT_MPI)
CONCURRENT_CASE("wait_idle() in a forked child throws and says to make a new pool") {
    TestType pool(1);
    CHECK(pool.submit(square, 3).result() == 9);
    pool.wait_idle();  // so that no other thread is in an allocator, which a sanitizer may leave locked in the child
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        int code = 1;
        try {
            pool.wait_idle();
        } catch (const cf::BrokenExecutor& error) {
            code = std::string(error.what()).find("Make a new pool in the child") != std::string::npos ? 7 : 2;
        }
        ::_exit(code);
    }
    int status = 0;
    REQUIRE(support::wait_for_end(child, &status) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 7);
    CHECK(pool.submit(square, 4).result() == 16);
    pool.wait_idle();
}
#endif

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

CONTRACT_CASE("the longest timeouts wait as if there were none, and NaN is refused without an effect") {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    const std::chrono::duration<double> nan(std::numeric_limits<double>::quiet_NaN());
    TestType pool(1);
    const auto refused = [](auto&& call) {
        CHECK_THROWS_AS(call(), std::invalid_argument);
        return message_of(call);
    };
    CHECK(refused([&] { pool.shutdown_for(nan); }).find("::shutdown_for is not a number") != std::string::npos);
    CHECK(refused([&] { pool.wait_idle_for(nan); }).find("::wait_idle_for is not a number") != std::string::npos);
    const auto future = pool.submit(square, 3);  // the pool still takes tasks
    CHECK(future.result(std::chrono::hours::max()) == 9);
    CHECK(refused([&] { static_cast<void>(future.result(nan)); }).find("Future::result") != std::string::npos);
    CHECK(refused([&] { static_cast<void>(future.exception(nan)); }).find("Future::exception") != std::string::npos);
    CHECK(refused([&] { static_cast<void>(future.wait_for(nan)); }).find("Future::wait_for") != std::string::npos);

    CHECK(pool.submit(square, 4).exception(std::chrono::duration<double>(infinity)) == nullptr);
    CHECK(pool.submit(square, 4).wait_for(std::chrono::nanoseconds::max()) == std::future_status::ready);
    CHECK(pool.submit(square, 4).wait_until(std::chrono::system_clock::time_point::max()) ==
          std::future_status::ready);
    const std::vector futures{pool.submit(square, 1), pool.submit(square, 2)};
    CHECK(cf::wait(futures, {.timeout = std::chrono::hours::max()}).done.size() == 2);
    std::size_t ended = 0;
    for ([[maybe_unused]] const auto& each : cf::as_completed(futures, std::chrono::hours::max())) ++ended;
    CHECK(ended == 2);
    int total = 0;
    for (const int n : pool.map({.timeout = std::chrono::hours::max()}, square, std::vector{1, 2, 3})) total += n;
    CHECK(total == 14);
    pool.wait_idle_for(std::chrono::hours::max());
    pool.shutdown_for(std::chrono::duration<double>(infinity));
}

CONCURRENT_CASE("a negative timeout gives up at once") {
    constexpr std::chrono::duration<double> before(-std::numeric_limits<double>::infinity());
    BusyPool<TestType> busy;
    CHECK_THROWS_AS(busy.call().result(std::chrono::hours::min()), cf::TimeoutError);
    CHECK_THROWS_AS(busy.call().exception(before), cf::TimeoutError);
    CHECK(busy.call().wait_for(std::chrono::nanoseconds::min()) == std::future_status::timeout);
    CHECK(busy.call().wait_until(std::chrono::steady_clock::time_point::min()) == std::future_status::timeout);
    CHECK(cf::wait(std::vector{busy.call()}, {.timeout = std::chrono::hours::min()}).done.empty());
    CHECK_THROWS_AS(busy.pool.wait_idle_for(before), cf::TimeoutError);
    CHECK_THROWS_AS(busy.pool.map({.timeout = std::chrono::hours::min()}, square, std::vector{1}),
                    std::invalid_argument);
    CHECK_THROWS_AS(busy.pool.shutdown_for(std::chrono::hours::min()), cf::TimeoutError);
    busy.open();
    CHECK(busy.call().result() == 7);
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
