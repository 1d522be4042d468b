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

TEST_CASE("ends are kept in the order they came", "[completion_waiter]") {
    CompletionWaiter waiter(3);
    CHECK(waiter.ends() == 0);
    waiter.add(2);
    waiter.add(0);
    CHECK(waiter.ends() == 2);
    CHECK(waiter.ended(0) == 2);
    CHECK(waiter.ended(1) == 0);
    CHECK(waiter.wait_for_more(1, Deadline::never()));
    CHECK_FALSE(waiter.wait_for_more(2, Deadline::after(1ms)));
}

TEST_CASE("the waiter wakes for each end", "[completion_waiter]") {
    constexpr std::uint32_t count = 10'000;
    CompletionWaiter waiter(count);
    const std::jthread ending([&] {
        for (std::size_t i = 0; i < count; ++i) waiter.add(i);
    });
    for (std::uint32_t seen = 0; seen < count; seen = waiter.ends())
        REQUIRE(waiter.wait_for_more(seen, Deadline::never()));
    CHECK(waiter.ended(count - 1) == count - 1);
}

TEST_CASE("a watch tells of an end, before or after it starts, until it stops",
          "[completion_waiter]") {
    std::vector<State*> states;
    for (int i = 0; i < 3; ++i) states.push_back(new State);
    {
        CompletionWaiter waiter(3);
        std::deque<Watch> watches;
        states[0]->end();
        for (std::size_t i = 0; i < 3; ++i) watches.emplace_back(waiter, *states[i], i).start();
        CHECK(waiter.ends() == 1);
        states[1]->end();
        CHECK(waiter.ends() == 2);
        CHECK(waiter.ended(1) == 1);
        watches[2].stop();
        watches[2].stop();
        states[2]->end();
        CHECK(waiter.ends() == 2);
    }
    for (State* const state : states) {
        state->drop_producer();
        state->drop_handle();
    }
}

}  // namespace
