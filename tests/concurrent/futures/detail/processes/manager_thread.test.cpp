// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/processes/manager_thread.hpp>

#include <signal.h>

#include <catch2/catch_test_macros.hpp>
#include <chrono>

#include "support/gate.hpp"

namespace {

using namespace concurrent::futures::detail;
using namespace std::chrono_literals;

TEST_CASE("join() waits for the end of the manager thread, or until its deadline", "[manager_thread]") {
    ManagerThread thread;
    support::Gate may_end;
    thread.start([&] {
        may_end.wait();
        thread.note_end();
    });
    CHECK(ManagerThreads::number() == 1);
    CHECK(!thread.join(Deadline::after(0s)));
    may_end.open();
    CHECK(thread.join(Deadline::never()));
    CHECK(thread.join(Deadline::never()));  // again
    CHECK(ManagerThreads::number() == 0);
}

TEST_CASE("signals of the program are not delivered to the manager thread", "[manager_thread]") {
    ManagerThread thread;
    sigset_t mask;
    ::sigemptyset(&mask);
    thread.start([&] {
        ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
        thread.note_end();
    });
    REQUIRE(thread.join(Deadline::never()));
    for (const int signal : {SIGINT, SIGTERM, SIGPIPE, SIGCHLD, SIGUSR1}) CHECK(::sigismember(&mask, signal) == 1);
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    CHECK(::sigismember(&mask, SIGTERM) == 0);
}

}  // namespace
