// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/state/outcome_state.hpp>

#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <stdexcept>
#include <utility>

namespace {

using namespace concurrent::futures::detail;

/// Both references that a state is born with, which end with it.
template <class T>
struct Owned {
    struct State final : OutcomeState<T> {};
    State* const state = new State;
    Owned() { REQUIRE(state->claim()); }
    ~Owned() {
        if (!state->done()) state->finish(state->store_exception(std::make_exception_ptr(0)));
        state->drop_handle();
        state->drop_producer();
    }
    State* operator->() const { return state; }
};

/// Neither copied nor moved; counts those that exist.
struct Fixed {
    explicit Fixed(int n) : number(n) { ++alive; }
    Fixed(const Fixed&) = delete;
    Fixed& operator=(const Fixed&) = delete;
    ~Fixed() { --alive; }
    int number;
    inline static int alive = 0;
};

TEST_CASE("a result is built where it stays and destroyed with the state", "[outcome_state]") {
    {
        const Owned<Fixed> owned;
        const CallState end = owned->store_result_of([] { return Fixed(7); });
        CHECK((end == CallState::finished && Fixed::alive == 1));
        owned->finish(end);
        CHECK(owned->value().number == 7);
    }
    CHECK(Fixed::alive == 0);
}

TEST_CASE("what the call throws is stored in place of the result", "[outcome_state]") {
    const Owned<Fixed> owned;
    const CallState end = owned->store_result_of([]() -> Fixed { throw std::runtime_error("no"); });
    REQUIRE(end == CallState::failed);
    owned->finish(end);
    CHECK_THROWS_AS(std::rethrow_exception(owned->error()), std::runtime_error);
    CHECK(Fixed::alive == 0);
}

TEST_CASE("an exception is destroyed with the state", "[outcome_state]") {
    std::weak_ptr<int> left;
    {
        const Owned<int> owned;
        owned->finish(owned->store_result_of([&]() -> int {
            auto held = std::make_shared<int>(0);
            left = held;
            throw held;
        }));
        CHECK_FALSE(left.expired());
    }
    CHECK(left.expired());
}

TEST_CASE("a result that is forgotten makes room for another one", "[outcome_state]") {
    {
        const Owned<Fixed> owned;
        REQUIRE(owned->store_result_of([] { return Fixed(1); }) == CallState::finished);
        owned->forget_result();
        CHECK(Fixed::alive == 0);
        owned->finish(owned->store_result_of([] { return Fixed(2); }));
        CHECK(owned->value().number == 2);
    }
    CHECK(Fixed::alive == 0);
}

TEST_CASE("a reference is kept as the address of what it refers to, and void as nothing", "[outcome_state]") {
    int number = 1;
    const Owned<int&> reference;
    reference->finish(reference->store_result_of([&]() -> int& { return number; }));
    CHECK(reference->value() == &number);
    bool called = false;
    const Owned<void> nothing;
    nothing->finish(nothing->store_result_of([&] { called = true; }));
    CHECK((called && nothing->state() == CallState::finished));
}

}  // namespace
