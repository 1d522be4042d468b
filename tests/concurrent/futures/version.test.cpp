// SPDX-License-Identifier: MIT
#include <concurrent/futures/version.hpp>

#include <catch2/catch_test_macros.hpp>

#if CONCURRENT_FUTURES_VERSION < 100  // the preprocessor can compare it
#error "the version is at least 0.1.0"
#endif

TEST_CASE("the version is its three parts, two digits each") {
    STATIC_REQUIRE(CONCURRENT_FUTURES_VERSION / 10000 == CONCURRENT_FUTURES_VERSION_MAJOR);
    STATIC_REQUIRE(CONCURRENT_FUTURES_VERSION / 100 % 100 == CONCURRENT_FUTURES_VERSION_MINOR);
    STATIC_REQUIRE(CONCURRENT_FUTURES_VERSION % 100 == CONCURRENT_FUTURES_VERSION_PATCH);
}
