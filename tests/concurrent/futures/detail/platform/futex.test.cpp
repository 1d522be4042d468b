// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/futex.hpp>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <thread>
#include <vector>

#include "support/gate.hpp"

namespace {

using namespace concurrent::futures::detail;
using namespace std::chrono_literals;

TEST_CASE("waiting for a word that has changed returns at once", "[futex]") {
    const FutexWord word{1};
    futex_wait(word, 0, Deadline::never());
    SUCCEED("returned");
}

TEST_CASE("waiting for a word that does not change ends with the deadline", "[futex]") {
    const FutexWord word{0};
    const Deadline deadline = Deadline::after(2ms);
    while (!deadline.passed()) futex_wait(word, 0, deadline);
    futex_wait(word, 0, Deadline::after(0s));
    CHECK(deadline.passed());
}

TEST_CASE("a change and a wake let every waiter go on", "[futex]") {
    FutexWord word{0};
    int payload = 0;
    std::vector<int> seen(4);
    {
        std::vector<std::jthread> waiters;
        for (int& value : seen)
            waiters.emplace_back([&] {
                while (word.load(std::memory_order_acquire) == 0)
                    futex_wait(word, 0, Deadline::never());
                value = payload;
            });
        payload = 7;
        word.store(1, std::memory_order_release);
        futex_wake_all(&word);
    }
    CHECK(seen == std::vector<int>(4, 7));
}

TEST_CASE("two threads can hand a word to and fro without losing a wake-up", "[futex]") {
    constexpr std::uint32_t rounds = 20'000;
    FutexWord word{0};
    const auto play = [&](std::uint32_t mine) {
        for (std::uint32_t turn = mine; turn < rounds; turn += 2) {
            for (std::uint32_t now; (now = word.load(std::memory_order_acquire)) != turn;)
                futex_wait(word, now, Deadline::never());
            word.store(turn + 1, std::memory_order_release);
            futex_wake_one(&word);
        }
    };
    {
        const std::jthread even(play, 0u), odd(play, 1u);
    }
    CHECK(word.load(std::memory_order_relaxed) == rounds);
}

}  // namespace
