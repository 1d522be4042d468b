// SPDX-License-Identifier: MIT
#include "concurrent/futures/detail/platform/bounds.hpp"

#include <catch2/catch_test_macros.hpp>

namespace {

using concurrent::futures::detail::clamped;
using concurrent::futures::detail::larger;
using concurrent::futures::detail::smaller;

TEST_CASE("the smallest of one, two and more values") {
    STATIC_CHECK(smaller(3) == 3);
    STATIC_CHECK(smaller(3, 2) == 2);
    STATIC_CHECK(smaller(2, 3) == 2);
    STATIC_CHECK(smaller(3.0, 2.0, 1.0) == 1.0);
    STATIC_CHECK(smaller(1.0, 2.0, 3.0) == 1.0);
    STATIC_CHECK(smaller<unsigned long>(7u, 5) == 5);
}

TEST_CASE("the larger of two values") {
    STATIC_CHECK(larger(3, 2) == 3);
    STATIC_CHECK(larger(2, 3) == 3);
    STATIC_CHECK(larger<unsigned long>(2u, 3) == 3);
}

TEST_CASE("a value between bounds, and the lower one where there is nothing between") {
    STATIC_CHECK(clamped(5, 1, 9) == 5);
    STATIC_CHECK(clamped(0, 1, 9) == 1);
    STATIC_CHECK(clamped(10, 1, 9) == 9);
    STATIC_CHECK(clamped(5, 9, 1) == 9);
}

}  // namespace
