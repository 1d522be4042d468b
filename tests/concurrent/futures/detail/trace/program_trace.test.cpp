// SPDX-License-Identifier: MIT
//
// Without CONCURRENT_FUTURES_TRACE; with it: tests/programs/traces.cpp, since the variable is read once for the program.
#include <concurrent/futures/detail/trace/program_trace.hpp>

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <memory>

namespace {

namespace cf = concurrent::futures;

TEST_CASE("a pool's observer is its own where the program has no trace", "[program_trace]") {
    if (std::getenv("CONCURRENT_FUTURES_TRACE") != nullptr) SKIP("this run is traced");
    const auto own = std::make_shared<cf::Observer>();
    CHECK(cf::detail::program_trace() == nullptr);
    CHECK(cf::detail::with_program_trace(own) == own);
    CHECK(cf::detail::with_program_trace(nullptr) == nullptr);
}

}  // namespace
