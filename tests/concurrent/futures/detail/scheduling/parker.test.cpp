// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/scheduling/parker.hpp>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <thread>

namespace {

using concurrent::futures::detail::Deadline;
using concurrent::futures::detail::Parker;

TEST_CASE("a wake-up that comes before the sleep ends it at once", "[parker]") {
    Parker parker;
    parker.reset();
    parker.wake();
    parker.park(Deadline::never());
    parker.park(Deadline::never());  // until the next reset()
    parker.reset();
    parker.park(Deadline::after(std::chrono::nanoseconds(1)));  // returns by its deadline
}

TEST_CASE("a thread that parks sees what was done before it was woken", "[parker]") {
    Parker parker;
    for (int round = 1; round <= 1000; ++round) {
        int handed_over = 0;
        parker.reset();
        std::thread other([&] {
            handed_over = round;
            parker.wake();
        });
        parker.park(Deadline::never());
        CHECK(handed_over == round);
        other.join();
    }
}

}  // namespace
