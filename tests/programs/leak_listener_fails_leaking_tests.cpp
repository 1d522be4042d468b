// SPDX-License-Identifier: MIT
// arguments: --colour-mode none
// expect-exit: 3
// expect-output: LEAK in test case 'leaves something of each kind'
// expect-output: ^  descriptor \d+: /dev/null
// expect-output: ^  thread \d+: forgotten
// expect-output: ^  process \d+: .* state Z
// expect-output: ^  disposition of SIGPIPE: ignored, was default
// expect-output: ^All tests passed
// expect-no-output: LEAK in test case 'leaves nothing'
//
// Every assertion passes, and yet the run fails: the leak listener saw what was left.
#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <thread>

TEST_CASE("leaves nothing") { SUCCEED(); }

TEST_CASE("leaves something of each kind") {
    CHECK(::open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0);
    CHECK(std::signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    CHECK(child > 0);
    std::thread thread([] {
        for (;;) ::pause();
    });
    ::pthread_setname_np(thread.native_handle(), "forgotten");
    thread.detach();
}
