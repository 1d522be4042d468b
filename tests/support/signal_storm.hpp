// SPDX-License-Identifier: MIT
//
// signal_storm.hpp: signals that interrupt the system calls of every thread of a test, all the time.
//
//     CONCURRENT_FUTURES_TEST_SIGNAL_STORM=1000 build/test/tests/test.contract      # one signal every 1000 microseconds
//
// The process that watches over the tests (watchdog.hpp) sends SIGURG to a thread, chosen at random, of the process with
// the tests or of one below it. Its handler is set without SA_RESTART, so a system call that sleeps ends with EINTR. A
// process without the handler, such as another program that a test starts, does not notice: SIGURG is ignored by default.
// All test executables, one after the other: scripts/long_tests.sh signals
#pragma once

#include <sys/types.h>

#include <chrono>
#include <stop_token>

namespace support {

/// Zero without the variable: no storm.
std::chrono::microseconds storm_period();

/// In a process that may be hit: once, before it starts threads.
void prepare_for_storm();

/// Until it is asked to stop. Gives the number of signals that it has sent.
std::size_t run_storm(const std::stop_token& stop, pid_t root, std::chrono::microseconds period);

}  // namespace support
