// SPDX-License-Identifier: MIT
// expect-exit: 137
// expect-output: watchdog: 'is killed': the process was ended by signal 9 \(Killed\)
#include <catch2/catch_test_macros.hpp>
#include <csignal>

TEST_CASE("is killed") { std::raise(SIGKILL); }
