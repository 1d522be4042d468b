// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/mpi/look_pace.hpp>

#include <catch2/catch_test_macros.hpp>
#include <chrono>

namespace {

using namespace concurrent::futures::detail;
using namespace std::chrono_literals;

TEST_CASE("a thread looks for 0.8 ms, and at least 100 times, before it sleeps", "[look_pace]") {
    CHECK(keeps_looking(0, 0));
    CHECK(keeps_looking(799'999, 1'000'000));
    CHECK(!keeps_looking(800'000, 100));
    CHECK(keeps_looking(50'000'000, 99));
}

TEST_CASE("a thread that has slept looks three times before it sleeps again", "[look_pace]") {
    unsigned looks = looks_after_nap;
    int seen = 0;
    while (keeps_looking(50'000'000, looks++)) ++seen;
    CHECK(seen == 3);
}

TEST_CASE("naps are a quarter of the time without news up to 1 ms, then a hundredth up to 4 ms", "[look_pace]") {
    CHECK(nap_after(0) == 50us);
    CHECK(nap_after(1'000'000) == 250us);
    CHECK(nap_after(100'000'000) == 1ms);
    CHECK(nap_after(200'000'000) == 2ms);
    CHECK(nap_after(1'000'000'000'000) == 4ms);
}

}  // namespace
