// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/spin.hpp>

#include <catch2/catch_test_macros.hpp>

namespace {

using concurrent::futures::detail::spin_until;
using concurrent::futures::detail::spinning_pays;

TEST_CASE("spinning ends as soon as the condition holds", "[spin]") {
    int looks = 0;
    CHECK(spin_until([&] { return ++looks == 1; }));
    CHECK(looks == 1);
}

TEST_CASE("spinning gives up on a condition that never holds", "[spin]") {
    int looks = 0;
    CHECK_FALSE(spin_until([&] {
        ++looks;
        return false;
    }));
    CHECK(looks >= (spinning_pays() ? 32 : 1));
}

}  // namespace
