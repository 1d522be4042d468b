// SPDX-License-Identifier: MIT
//
// Waits until something is true that a mutex guards, without a pool.
#include <concurrent/futures/detail/state/idle_waiters.hpp>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>

namespace {

using concurrent::futures::detail::Deadline;
using concurrent::futures::detail::IdleWaiters;
using concurrent::futures::detail::wait_with;
using namespace std::chrono_literals;

TEST_CASE("a wait for what is true already ends at once, also when its deadline has passed", "[idle_waiters]") {
    std::mutex mutex;
    std::condition_variable changed;
    CHECK(wait_with("a test", mutex, changed, Deadline::never(), [] { return true; }));
    CHECK(wait_with("a test", mutex, changed, Deadline::after(0s), [] { return true; }));
}

TEST_CASE("a wait gives up when its deadline has passed", "[idle_waiters]") {
    std::mutex mutex;
    std::condition_variable changed;
    CHECK(!wait_with("a test", mutex, changed, Deadline::after(0s), [] { return false; }));
    CHECK(!wait_with("a test", mutex, changed, Deadline::after(1ms), [] { return false; }));
    IdleWaiters waiters;
    CHECK(!waiters.wait("Pool", false, mutex, Deadline::after(1ms), [] { return false; }));
}

TEST_CASE("a notification ends a wait", "[idle_waiters]") {
    std::mutex mutex;
    IdleWaiters waiters;
    bool idle = false;
    std::thread pool([&] {
        const std::lock_guard lock(mutex);
        idle = true;
        waiters.notify();
    });
    CHECK(waiters.wait("Pool", false, mutex, Deadline::never(), [&] { return idle; }));
    pool.join();
}

TEST_CASE("a wait with an interval asks again without a notification", "[idle_waiters]") {
    std::mutex mutex;
    IdleWaiters waiters;
    int asked = 0;
    CHECK(waiters.wait("Pool", false, mutex, Deadline::never(), [&] { return ++asked > 5; }, 1ms));
}

TEST_CASE("wait_idle() in a thread of the pool throws, also if the pool is idle", "[idle_waiters]") {
    std::mutex mutex;
    IdleWaiters waiters;
    try {
        waiters.wait("ThreadPoolExecutor", true, mutex, Deadline::never(), [] { return true; });
        FAIL("it has waited for itself");
    } catch (const std::system_error& error) {
        CHECK(error.code() == std::errc::resource_deadlock_would_occur);
        CHECK(std::string(error.what()).find("ThreadPoolExecutor::wait_idle") != std::string::npos);
    }
}

}  // namespace
