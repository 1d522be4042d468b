// SPDX-License-Identifier: MIT
//
// When a submitter brings a worker, and when it relies on one that searches.
#include <concurrent/futures/detail/scheduling/search_state.hpp>

#include <catch2/catch_test_macros.hpp>

namespace {

using concurrent::futures::detail::SearchState;

TEST_CASE("a worker is needed while none searches and one is available", "[search_state]") {
    SearchState state(2);
    CHECK(state.needs_worker());
    state.begin_search();
    CHECK(!state.needs_worker());
    CHECK(state.is_searched());
    CHECK(state.is_searched_once());
    state.end_search();
    CHECK(state.needs_worker());
    state.set_available(0);
    CHECK(!state.needs_worker());
    CHECK(!state.has_available());
}

TEST_CASE("a worker that takes a task searches no more, and is counted until it has the task", "[search_state]") {
    SearchState state(1);
    state.begin_search();
    state.begin_take();
    CHECK(state.taking() == 1);
    CHECK(!state.is_searched());
    CHECK(state.needs_worker());
    state.end_take();
    CHECK(state.taking() == 0);
}

TEST_CASE("of two workers that search neither is alone", "[search_state]") {
    SearchState state(2);
    state.begin_search();
    state.begin_search();
    CHECK(state.is_searched());
    CHECK(!state.is_searched_once());
}

TEST_CASE("a closed pool stays closed, a surplus comes and goes", "[search_state]") {
    SearchState state(1);
    CHECK(!state.is_closed());
    state.close();
    CHECK(state.is_closed());
    CHECK(!state.has_surplus());
    state.set_surplus(true);
    CHECK(state.has_surplus());
    state.set_surplus(false);
    CHECK(!state.has_surplus());
}

}  // namespace
