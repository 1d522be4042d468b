// SPDX-License-Identifier: MIT
#include <catch2/catch_test_macros.hpp>
#include <concurrent/futures/detail/platform/timed_wait.hpp>
#include <thread>

namespace {

using namespace concurrent::futures::detail;
using namespace std::chrono_literals;

TEST_CASE("a timed wait that nobody ends is over with its deadline", "[timed_wait]") {
    std::mutex mutex;
    std::condition_variable changed;
    std::unique_lock lock(mutex);
    const Deadline deadline = Deadline::after(2ms);
    CHECK_FALSE(timed_wait(changed, lock, deadline, [] { return false; }));
    CHECK(deadline.passed());
    CHECK_FALSE(timed_wait(changed, lock, Deadline::after(0s), [] { return false; }));
    CHECK(lock.owns_lock());
}

TEST_CASE("a timed wait asks its condition even where the deadline has passed", "[timed_wait]") {
    std::mutex mutex;
    std::condition_variable changed;
    std::unique_lock lock(mutex);
    CHECK(timed_wait(changed, lock, Deadline::after(-1s), [] { return true; }));
}

TEST_CASE("a timed wait ends as soon as its condition is met", "[timed_wait]") {
    std::mutex mutex;
    std::condition_variable changed;
    bool ready = false;
    for (const Deadline& deadline : {Deadline::never(), Deadline::after(std::chrono::hours(1))}) {
        ready = false;
        const std::jthread other([&] {
            const std::lock_guard lock(mutex);
            ready = true;
            changed.notify_one();
        });
        std::unique_lock lock(mutex);
        CHECK(timed_wait(changed, lock, deadline, [&] { return ready; }));
    }
}

}  // namespace
