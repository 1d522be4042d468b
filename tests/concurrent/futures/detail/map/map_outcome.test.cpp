// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/map/map_outcome.hpp>

#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <stdexcept>
#include <string>

namespace {

using namespace concurrent::futures::detail;

TEST_CASE("an item of a map gives its value to be moved from, or throws what it threw", "[map_outcome]") {
    MapOutcome<std::string> value, error;
    CHECK(!value.ran());
    CHECK(value.store_result_of(nullptr, [] { return std::string("some text that needs memory of its own"); }));
    CHECK(!error.store_result_of(nullptr, []() -> std::string { throw std::runtime_error("no"); }));
    CHECK((value.ran() && error.ran()));
    const std::string taken = value.get();
    CHECK(taken == "some text that needs memory of its own");
    CHECK_THROWS_AS(error.get(), std::runtime_error);
}

TEST_CASE("items are numbered in the order in which they end", "[map_outcome]") {
    concurrent::futures::detail::Atomic<std::uint32_t> ends{0};
    MapOutcome<int> first, second;
    second.store_result_of(&ends, []() -> int { throw 1; });
    first.store_result_of(&ends, [] { return 1; });
    CHECK((second.order() == 0 && first.order() == 1));
}

TEST_CASE("an item that its reader has moved past keeps nothing", "[map_outcome]") {
    const auto shared = std::make_shared<int>(1);
    MapOutcome<std::shared_ptr<int>> ran, has_not_run, never_runs;
    ran.store_result_of(nullptr, [&] { return shared; });
    CHECK(shared.use_count() == 2);
    ran.release();
    CHECK((shared.use_count() == 1 && ran.state() == MapOutcome<std::shared_ptr<int>>::State::taken));
    has_not_run.release();
    CHECK(!has_not_run.ran());
    never_runs.mark_unstarted();
    never_runs.release();
    CHECK(never_runs.state() == MapOutcome<std::shared_ptr<int>>::State::unstarted);
}

TEST_CASE("references and void can be items", "[map_outcome]") {
    int number = 1;
    MapOutcome<int&> reference;
    reference.store_result_of(nullptr, [&]() -> int& { return number; });
    CHECK(&reference.get() == &number);
    MapOutcome<void> nothing;
    CHECK(nothing.store_result_of(nullptr, [] {}));
    CHECK(nothing.ran());
}

}  // namespace
