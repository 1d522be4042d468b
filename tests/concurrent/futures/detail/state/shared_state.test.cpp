// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/state/outcome_state.hpp>
#include <concurrent/futures/detail/state/shared_state.hpp>

#include <pthread.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "support/deadline.hpp"
#include "support/gate.hpp"

#include <concurrent/futures/detail/platform/config.hpp>

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {
/// As if there were so many more handles.
struct StateWordProbe {
    static void add_handles(StateWord& state, std::uint64_t count) {
        state.word_.fetch_add(count * StateWord::handle);
    }
    static std::uint64_t handles(const StateWord& state) { return state.word_.load() / StateWord::handle; }
    static constexpr std::uint64_t most_handles = StateWord::most_handles;
};
}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail

namespace {

using namespace concurrent::futures::detail;
using namespace std::chrono_literals;

/// Tells when it is destroyed.
struct State final : OutcomeState<int> {
    explicit State(bool* g = nullptr) : gone(g) {}
    ~State() override {
        if (gone) *gone = true;
    }
    bool* gone;
};

/// Holds both references that a state is born with.
struct Owned {
    bool gone = false;
    State* state = new State(&gone);
    ~Owned() {
        if (!state->done()) {
            state->claim();
            state->finish(state->store_exception(std::make_exception_ptr(0)));
        }
        state->drop_handle();
        CHECK_FALSE(gone);
        state->drop_producer();
        CHECK(gone);
    }
    State* operator->() const { return state; }
};

void finish_with(const Owned& state, int value) {
    state->finish(state->store_result_of([value] { return value; }));
}

struct Telling final : Listener {
    explicit Telling(int& count) : Listener(Kind::waiter), told(count) {}
    void notify(SharedState&, TaskQueue*) noexcept override { ++told; }
    int& told;
};

TEST_CASE("from pending a call may be begun, claimed or cancelled, once", "[shared_state]") {
    {
        Owned state;
        CHECK(state->state() == CallState::pending);
        CHECK(state->begin());
        CHECK(state->running());
        CHECK_FALSE(state->begin());
        CHECK_FALSE(state->begin_cancel());
        CHECK_FALSE(state->cancel());
        CHECK(state->claim());
        CHECK(state->running());
        CHECK_FALSE(state->claim());
        finish_with(state, 1);
        CHECK(state->state() == CallState::finished);
        CHECK_FALSE(state->claim());
        CHECK_FALSE(state->begin());
        CHECK_FALSE(state->cancel());
    }
    {
        Owned state;
        CHECK(state->claim());
        CHECK_FALSE(state->begin());
        CHECK_FALSE(state->cancel());
    }
    {
        Owned state;
        CHECK(state->begin_cancel());
        CHECK_FALSE(state->done());
        CHECK_FALSE(state->running());
        CHECK(state->cancel());  // on the way there already
        CHECK_FALSE(state->begin());
        state->finish(CallState::cancelled);
        CHECK(state->done());
        CHECK(state->cancel());
    }
}

TEST_CASE("finished, failed and cancelled are final, the others are not", "[shared_state]") {
    for (const CallState state : {CallState::pending, CallState::running, CallState::completing,
                                  CallState::cancelling})
        CHECK_FALSE(is_final(state));
    for (const CallState state : {CallState::cancelled, CallState::finished, CallState::failed})
        CHECK(is_final(state));
}

TEST_CASE("wait() gives false at the deadline and true at the end", "[shared_state]") {
    Owned state;
    CHECK_FALSE(state->wait(Deadline::after(0s)));
    CHECK_FALSE(state->wait(Deadline::after(1ms)));
    {
        std::vector<int> seen(3);
        std::vector<std::jthread> waiters;
        for (int& value : seen)
            waiters.emplace_back([&] {
                if (state->wait(Deadline::never())) value = state->value();
            });
        finish_with(state, 7);
        waiters.clear();
        CHECK(seen == std::vector<int>(3, 7));
    }
    CHECK(state->wait(Deadline::after(0s)));
}

TEST_CASE("a listener is told once, and not after it was removed", "[shared_state]") {
    int told = 0, never = 0;
    Telling listener(told), removed(never), late(never);
    Owned state;
    CHECK(state->add_listener(listener));
    CHECK(state->add_listener(removed));
    state->remove_listener(removed);
    finish_with(state, 1);
    CHECK(told == 1);
    CHECK_FALSE(state->add_listener(late));
    state->remove_listener(late);
    CHECK(never == 0);
}

TEST_CASE("a listener that comes at the very end is told, or told that it is too late",
          "[shared_state]") {
    for (int round = 0; round < 2000; ++round) {
        int told = 0;
        Telling listener(told);
        Owned state;
        bool added = false;
        {
            const std::jthread finisher([&] {
                state->begin();
                finish_with(state, round);
            });
            added = state->add_listener(listener);
            if (!added) REQUIRE(state->done());
            state->wait(Deadline::never());
        }
        REQUIRE(told == (added ? 1 : 0));
    }
}

TEST_CASE("a removed listener is not being told any more", "[shared_state]") {
    for (int round = 0; round < 2000; ++round) {
        Owned state;
        const std::jthread finisher([&] { finish_with(state, round); });
        auto told = std::make_unique<int>(0);
        std::optional<Telling> listener(std::in_place, *told);
        if (state->add_listener(*listener)) state->remove_listener(*listener);
        listener.reset();  // both would be used after their end here
        told.reset();
        state->wait(Deadline::never());
    }
}

TEST_CASE("the last handle is known while the producer still holds on", "[shared_state]") {
    Owned state;
    CHECK(state->last_handle());
    state->add_handle();
    CHECK_FALSE(state->last_handle());
    state->drop_handle();
    state->add_producer();
    CHECK(state->last_handle());
    state->drop_producer();
}

TEST_CASE("more handles than can be counted leave the value where it is, for ever", "[shared_state]") {
    bool gone = false;
    auto* const state = new State(&gone);
    StateWordProbe::add_handles(*state, (1 << 24) + 1);
    CHECK_FALSE(state->last_handle());
    StateWordProbe::add_handles(*state, StateWordProbe::most_handles - StateWordProbe::handles(*state));
    for (int i = 0; i < 1000; ++i) state->add_handle();
    CHECK(StateWordProbe::handles(*state) <= StateWordProbe::most_handles);
    CHECK(state->claim());
    state->finish_and_drop_producer(state->store_result_of([] { return 5; }));
    for (int i = 0; i < 2000; ++i) state->drop_handle();
    CHECK_FALSE(state->last_handle());
    CHECK(state->value() == 5);
    CHECK_FALSE(gone);
    // As if all that were counted had let go.
    StateWordProbe::add_handles(*state, 1 - StateWordProbe::handles(*state));
    state->drop_handle();
    CHECK_FALSE(gone);
    std::destroy_at(state);  // what the library never does with it
    CHECK(gone);
    ::operator delete(state);
}

TEST_CASE("hundreds of callbacks at a time hold their call", "[shared_state]") {
    Owned state;
    for (int i = 0; i < 100'000; ++i) state->add_producer();
    CHECK(state->last_handle());
    CHECK(state->state() == CallState::pending);
    for (int i = 0; i < 100'000; ++i) state->drop_producer();
    CHECK(state->last_handle());
}

TEST_CASE("the lock of a state excludes other threads, and leaves state, flags and references alone", "[shared_state]") {
    Owned state;
    int number = 0;
    constexpr int rounds = 20'000;
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 3; ++t)
            threads.emplace_back([&] {
                for (int i = 0; i < rounds; ++i) {
                    const std::lock_guard guard(*static_cast<SharedState*>(state.state));
                    ++number;
                }
            });
        for (int i = 0; i < rounds; ++i) {
            state->add_handle();
            state->drop_handle();
        }
        finish_with(state, 3);
    }
    CHECK(number == 3 * rounds);
    CHECK(state->value() == 3);
    CHECK(state->last_handle());
}

TEST_CASE("an outcome keeps what the call returned or threw", "[shared_state]") {
    Owned good, bad;
    good->begin();
    CHECK(good->store_result_of([] { return 3; }) == CallState::finished);
    good->finish(CallState::finished);
    CHECK(good->value() == 3);
    bad->begin();
    CHECK(bad->store_result_of([]() -> int { throw std::runtime_error("no"); }) == CallState::failed);
    bad->finish(CallState::failed);
    CHECK_THROWS_AS(std::rethrow_exception(bad->error()), std::runtime_error);
}

TEST_CASE("a state that belongs to no pool runs nothing in the thread that waits", "[shared_state]") {
    Owned state;
    CHECK_FALSE(state->run_here({}));
    CHECK_FALSE(state->could_run_here());
    CHECK(state->worker_here() == nullptr);
}

#if defined(__GLIBCXX__) && defined(__GLIBC__)  // there pthread_exit() unwinds the stack
struct Callback final : Listener {
    explicit Callback(std::function<void(TaskQueue*)> function) : Listener(Kind::callback), call(std::move(function)) {}
    void notify(SharedState&, TaskQueue* later) override { call(later); }
    std::function<void(TaskQueue*)> call;
};

TEST_CASE("callbacks that were put off run, though one of them ends the thread of a callback that waits", "[shared_state]") {
    if (support::address_sanitized) SKIP("UndefinedBehaviorSanitizer knows of no object that a forced unwind throws");
    Owned first, second, third;
    int told = 0;
    Callback waits([&](TaskQueue* later) {
        second->finish(second->store_result_of([] { return 2; }), later);
        third->finish(third->store_result_of([] { return 3; }), later);
        Trampoline::catch_up();  // as each wait does
        ++told;
    });
    Callback ends_thread([](TaskQueue*) { ::pthread_exit(nullptr); });
    Callback counts([&](TaskQueue*) { told += 10; });
    REQUIRE(first->add_listener(waits));
    REQUIRE(second->add_listener(ends_thread));
    REQUIRE(third->add_listener(counts));
    std::thread([&] { finish_with(first, 1); }).join();
    CHECK(told == 10);
}
#endif

}  // namespace
