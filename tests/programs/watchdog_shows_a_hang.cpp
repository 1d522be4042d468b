// SPDX-License-Identifier: MIT
// environment: CONCURRENT_FUTURES_TEST_DEADLINE_SECONDS=5
// expect-exit: 124
// expect-output: watchdog: 'hangs': did not end within 5 s
// expect-output: parent_hangs_here|gdb is missing
// expect-output: child_hangs_here|gdb is missing
//
// A test that hangs ends in time, shows its own stacks and those of its children, and leaves
// nothing behind.
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>

namespace {

[[gnu::noinline]] void child_hangs_here() {
    for (;;) ::pause();
}

[[gnu::noinline]] void parent_hangs_here(pid_t child) {
    while (::waitpid(child, nullptr, 0) != child) {
    }
}

TEST_CASE("hangs") {
    const pid_t child = ::fork();
    if (child == 0) child_hangs_here();
    parent_hangs_here(child);
}

}  // namespace
