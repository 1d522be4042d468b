// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/map/element_store.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstddef>
#include <memory>
#include <vector>

namespace {

using concurrent::futures::detail::ElementStore;

TEST_CASE("elements stay where they were made, whatever number was expected", "[element_store]") {
    const std::size_t expected = GENERATE(0u, 1u, 64u, 65u, 1'000u, 5'000u);
    constexpr std::size_t count = 3'000;
    ElementStore<std::size_t> store(expected);
    std::vector<const std::size_t*> places;
    for (std::size_t i = 0; i < count; ++i) {
        store.make_room(i);
        places.push_back(std::construct_at(store.at(i), i));
    }
    bool right = true;
    for (std::size_t i = 0; i < count; ++i) {
        right &= store.at(i) == places[i] && *places[i] == i;
        const auto run = store.run_of(i);
        right &= run.has(i) && run.at(i) == places[i];
        right &= run.has(i + 1) == (i + 1 < store.end_of_run(i));
        right &= i == 0 || run.has(i - 1) == (store.end_of_run(i - 1) > i);
        if (i + 1 < count && run.has(i + 1)) right &= places[i + 1] == places[i] + 1;
    }
    CHECK(right);
    if (expected >= 64) CHECK(store.end_of_run(0) >= expected);
}

TEST_CASE("a run that was never asked for has nothing", "[element_store]") {
    const ElementStore<int>::Run none;
    CHECK_FALSE(none.has(0));
}

}  // namespace
