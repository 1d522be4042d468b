// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/processes/process_settings.hpp>

#include <catch2/catch_test_macros.hpp>
#include <chrono>

namespace {

using namespace concurrent::futures::detail;

TEST_CASE("a call that says nothing about its time has the pool's limit, or none", "[process_settings]") {
    ProcessSettings settings;
    CHECK(settings.default_timeout() == TaskLimits::never);
    settings.task_timeout = std::chrono::milliseconds(3);
    CHECK(settings.default_timeout() == 3'000'000);
}

}  // namespace
