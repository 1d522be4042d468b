// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/state/completion_waiter.hpp>
#include <concurrent/futures/detail/state/outcome_state.hpp>

#include <catch2/catch_test_macros.hpp>
#include <deque>
#include <thread>
#include <vector>

namespace {

using namespace concurrent::futures::detail;
using namespace std::chrono_literals;

struct State final : OutcomeState<void> {
    void end() { finish(store_result_of([] {})); }
};

/// With a handle and a producer each.
struct States {
    std::vector<State*> all;
    explicit States(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) all.push_back(new State);
    }
    ~States() {
        for (State* const state : all) {
            state->drop_producer();
            state->drop_handle();
        }
    }
    State& operator[](std::size_t index) { return *all[index]; }
};

constexpr auto no_last_resort = [] { return false; };

TEST_CASE("ends are given out in the order they came", "[completion_waiter]") {
    States states(3);
    CompletionWaiter waiter;
    std::deque<Watch> watches;
    for (std::size_t i = 0; i < 3; ++i) watches.emplace_back(waiter, states[i], i).start();
    CHECK_FALSE(waiter.has_one());
    CHECK(waiter.try_take() == nullptr);
    states[2].end();
    states[0].end();
    CHECK(waiter.wait_for_one(Deadline::never(), nullptr, no_last_resort));
    CHECK(waiter.try_take()->index() == 2);
    CHECK(waiter.has_one());
    CHECK(waiter.try_take()->index() == 0);
    CHECK(waiter.try_take() == nullptr);
    CHECK_FALSE(waiter.wait_for_one(Deadline::after(1ms), nullptr, no_last_resort));
    states[1].end();
    CHECK(&waiter.try_take()->state() == &states[1]);
}

TEST_CASE("the waiter wakes for each end", "[completion_waiter]") {
    constexpr std::size_t count = 10'000;
    States states(count);
    CompletionWaiter waiter;
    std::deque<Watch> watches;
    for (std::size_t i = 0; i < count; ++i) watches.emplace_back(waiter, states[i], i).start();
    const std::jthread ending([&] {
        for (std::size_t i = 0; i < count; ++i) states[i].end();
    });
    for (std::size_t next = 0; next < count; ++next) {
        REQUIRE(waiter.wait_for_one(Deadline::never(), nullptr, no_last_resort));
        REQUIRE(waiter.try_take()->index() == next);
    }
}

TEST_CASE("a watch tells of an end, before or after it starts, until it stops",
          "[completion_waiter]") {
    States states(3);
    CompletionWaiter waiter;
    std::deque<Watch> watches;
    states[0].end();
    for (std::size_t i = 0; i < 3; ++i) watches.emplace_back(waiter, states[i], i).start();
    CHECK(waiter.try_take()->index() == 0);
    states[1].end();
    CHECK(waiter.try_take()->index() == 1);
    watches[2].stop();
    watches[2].stop();
    states[2].end();
    CHECK_FALSE(waiter.has_one());
}

}  // namespace
