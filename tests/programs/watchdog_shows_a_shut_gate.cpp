// SPDX-License-Identifier: MIT
// expect-exit: 124
// expect-output: watchdog: 'waits in vain': the gate 'never opened' was not opened within 50 ms
// expect-output: Gate::wait|gdb is missing
#include <catch2/catch_test_macros.hpp>
#include <chrono>

#include "support/gate.hpp"

TEST_CASE("waits in vain") { support::Gate("never opened").wait(std::chrono::milliseconds(50)); }
