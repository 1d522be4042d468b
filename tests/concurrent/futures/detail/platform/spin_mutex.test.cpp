// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/spin_mutex.hpp>

#include <catch2/catch_test_macros.hpp>
#include <mutex>
#include <thread>
#include <vector>

#include "support/gate.hpp"

namespace {

using concurrent::futures::detail::SpinMutex;

TEST_CASE("a spin mutex lets one in at a time", "[spin_mutex]") {
    SpinMutex mutex;
    long count = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 6; ++t)
        threads.emplace_back([&] {
            for (int n = 0; n < 20'000; ++n) {
                const std::lock_guard lock(mutex);
                ++count;
            }
        });
    for (std::thread& thread : threads) thread.join();
    CHECK(count == 120'000);
}

TEST_CASE("try_lock takes a spin mutex only while it is free", "[spin_mutex]") {
    SpinMutex mutex;
    REQUIRE(mutex.try_lock());
    CHECK_FALSE(mutex.try_lock());
    mutex.unlock();
    REQUIRE(mutex.try_lock());
    mutex.unlock();
}

TEST_CASE("who waits long for a spin mutex gets in when it is free", "[spin_mutex]") {
    SpinMutex mutex;
    mutex.lock();
    std::vector<std::thread> threads;
    int entered = 0;
    for (int t = 0; t < 3; ++t)
        threads.emplace_back([&] {
            const std::lock_guard lock(mutex);
            ++entered;
        });
    // Long enough that some of them sleep by now; right either way.
    for (int n = 0; n < 2'000; ++n) std::this_thread::yield();
    CHECK(entered == 0);
    mutex.unlock();
    for (std::thread& thread : threads) thread.join();
    CHECK(entered == 3);
}

}  // namespace
