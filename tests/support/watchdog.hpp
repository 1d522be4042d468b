// SPDX-License-Identifier: MIT
//
// watchdog.hpp: a test that hangs shows every stack and fails, instead of hanging.
//
//     int main(int argc, char** argv) {
//         return support::run_supervised([&] { return Catch::Session().run(argc, argv); });
//     }
//
// The watchdog is a process, not a thread, because tests of the fork start method need a process
// with one thread. run_supervised forks while this program has one thread: the child runs the tests and reports
// their beginning and end through a pipe; the parent waits, and returns the child's exit code. It may be called again.
// When a test case has not ended after 60 s (240 under a sanitizer), the parent prints the threads
// of the child and of its descendants with gdb, kills them, and exits with 124.
// The parent also adopts what the child's processes leave behind. What is still there 2 s after
// the child ended is killed, and makes the exit code nonzero.
// CONCURRENT_FUTURES_TEST_DEADLINE_SECONDS changes the deadline; 0 runs without a watchdog, which
// is what a debugger wants.
#pragma once

#include <functional>
#include <string>

namespace support {

inline constexpr int watchdog_exit_code = 124;
inline constexpr int left_behind_exit_code = 125;

int run_supervised(const std::function<int()>& run);

/// True in the child that runs the tests, false in its forks and without a watchdog.
bool supervised();

/// For the watchdog's eyes: what this process is doing now; empty between test cases.
void report_activity(const std::string& test_case);

/// Something waited beyond its deadline. In the supervised process: dumps all stacks and ends it.
/// Elsewhere (in a worker, in a program without a watchdog) throws std::runtime_error.
[[noreturn]] void report_hang(const std::string& reason);

/// Lets gdb attach to this process where the kernel restricts it, and keeps Catch2's signal
/// handlers out of forked children. Call it first in main.
void prepare_process();

}  // namespace support
