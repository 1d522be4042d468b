// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/map/map_outcome.hpp>

#include <catch2/catch_test_macros.hpp>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>

namespace {

using namespace concurrent::futures::detail;

/// An outcome and what it refers to.
template <class R>
struct Kept {
    ~Kept() { outcome.destroy(); }
    MapSlot<R> slot;
    Atomic<MapState> state{MapState::waiting};
    MapOutcome<R> outcome{&slot, &state};
};

TEST_CASE("an item of a map gives its value to be moved from, or throws what it threw", "[map_outcome]") {
    Kept<std::string> value, error;
    CHECK(!value.outcome.ran());
    value.outcome.store_result_of([] { return std::string("some text that needs memory of its own"); });
    CHECK_THROWS_AS(error.outcome.store_result_of([]() -> std::string { throw std::runtime_error("no"); }),
                    std::runtime_error);
    CHECK(!error.outcome.ran());
    error.outcome.store_error(std::make_exception_ptr(std::runtime_error("no")));
    CHECK((value.outcome.ran() && error.outcome.ran()));
    const std::string taken = value.outcome.get();
    CHECK(taken == "some text that needs memory of its own");
    CHECK_THROWS_AS(error.outcome.get(), std::runtime_error);
}

TEST_CASE("an item that its reader has moved past keeps nothing", "[map_outcome]") {
    const auto shared = std::make_shared<int>(1);
    Kept<std::shared_ptr<int>> ran, has_not_run, never_runs;
    ran.outcome.store_result_of([&] { return shared; });
    CHECK(shared.use_count() == 2);
    ran.outcome.release();
    CHECK((shared.use_count() == 1 && ran.outcome.state() == MapState::taken));
    has_not_run.outcome.release();
    CHECK(!has_not_run.outcome.ran());
    never_runs.outcome.mark_unstarted();
    never_runs.outcome.release();
    CHECK(never_runs.outcome.state() == MapState::unstarted);
}

TEST_CASE("an exception goes once its reader has moved past, also where values need no destructor", "[map_outcome]") {
    struct Told {
        std::shared_ptr<int> kept;
    };
    const auto shared = std::make_shared<int>(1);
    Kept<int> error, value;
    error.outcome.store_error(std::make_exception_ptr(Told{shared}));
    REQUIRE(shared.use_count() == 2);
    error.outcome.release();
    CHECK((shared.use_count() == 1 && error.outcome.state() == MapState::taken));
    value.outcome.store_result_of([] { return 1; });
    value.outcome.release();
    CHECK(value.outcome.get() == 1);  // nothing to give back, so nothing is written
}

TEST_CASE("references and void can be items", "[map_outcome]") {
    int number = 1;
    Kept<int&> reference;
    reference.outcome.store_result_of([&]() -> int& { return number; });
    CHECK(&reference.outcome.get() == &number);
    Kept<void> nothing;
    nothing.outcome.store_result_of([] {});
    CHECK(nothing.outcome.ran());
}

}  // namespace
