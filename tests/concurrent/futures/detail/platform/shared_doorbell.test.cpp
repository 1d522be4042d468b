// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/shared_doorbell.hpp>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <thread>

namespace {

using namespace concurrent::futures::detail;

TEST_CASE("a sleep does not begin when the bell has rung since it was prepared", "[shared_doorbell]") {
    SharedDoorbell bell;
    bell.prepare();
    bell.ring();
    bell.sleep(Deadline::never());
    bell.ring();  // nobody sleeps
    SUCCEED();
}

TEST_CASE("a sleep ends when its deadline passes", "[shared_doorbell]") {
    SharedDoorbell bell;
    bell.prepare();
    bell.sleep(Deadline::after(std::chrono::milliseconds(1)));
    SUCCEED();
}

TEST_CASE("the bell wakes the sleeper for every piece of news", "[shared_doorbell]") {
    constexpr int pieces = 2000;
    SharedDoorbell bell;
    std::atomic<int> published{0}, seen{0};
    std::thread sleeper([&] {
        while (seen.load() < pieces) {
            bell.prepare();
            if (published.load() != seen.load())
                bell.forget();
            else
                bell.sleep(Deadline::never());
            seen.store(published.load());
        }
    });
    for (int i = 1; i <= pieces; ++i) {
        published.store(i);
        bell.ring();
        while (seen.load() < i) std::this_thread::yield();
    }
    sleeper.join();
    CHECK(seen == pieces);
}

}  // namespace
