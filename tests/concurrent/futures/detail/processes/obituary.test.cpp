// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/processes/obituary.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

namespace {

using namespace concurrent::futures::detail;

TEST_CASE("the end of a process in words", "[obituary]") {
    CHECK(describe_end({{}, 9}) == "was killed by signal 9 (Killed)");
    CHECK(describe_end({{}, 11}) == "was killed by signal 11 (Segmentation fault)");
    CHECK(describe_end({0, {}}) == "ended with exit code 0");
    CHECK(describe_end({3, {}}) == "ended with exit code 3");
    CHECK_THAT(describe_end({}), Catch::Matchers::ContainsSubstring("how is unknown") &&
                                     Catch::Matchers::ContainsSubstring("SIGCHLD"));
}

TEST_CASE("a time in seconds", "[obituary]") {
    CHECK(seconds_text(0) == "0.00 s");
    CHECK(seconds_text(1'234'000'000) == "1.23 s");
    CHECK(seconds_text(61'000'000'000) == "61.00 s");
}

}  // namespace
