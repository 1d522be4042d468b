// SPDX-License-Identifier: MIT
//
// Timed waits end where the program has another CLOCK_MONOTONIC than the kernel, as under libfaketime, also with 32
// bits and with libc++. Needs no std::stop_token. Prints "ended" and returns 0; SIGALRM ends a wait that does not end.
#include <concurrent/futures/detail/platform/futex.hpp>
#include <concurrent/futures/detail/platform/timed_wait.hpp>

#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <mutex>

namespace cfd = concurrent::futures::detail;
using namespace std::chrono_literals;

static long shift = 0;  // seconds

// By the name of the symbol: with _TIME_BITS=64 the header gives the name to another function than the one that the
// standard library calls.
struct OldTime {
    long seconds, nanoseconds;
};
extern "C" int replaced_clock(clockid_t clock, OldTime* time) noexcept __asm__("clock_gettime");
extern "C" int replaced_clock(clockid_t clock, OldTime* time) noexcept {
    const long result = ::syscall(SYS_clock_gettime, clock, time);
    if (result == 0 && clock == CLOCK_MONOTONIC) time->seconds += shift;
    return static_cast<int>(result);
}

int main() {
    ::alarm(60);
    const auto before = std::chrono::steady_clock::now();
    shift = 50L * 365 * 24 * 3600;
    if (std::chrono::steady_clock::now() - before < std::chrono::hours(24))
        return std::puts("the clock was not replaced"), 1;
    std::mutex mutex;
    std::condition_variable changed;
    for (const long ahead : {50L * 365 * 24 * 3600, 0L}) {
        shift = ahead;
        std::unique_lock lock(mutex);
        const auto deadline = cfd::Deadline::after(2ms);
        if (cfd::timed_wait(changed, lock, deadline, [] { return false; })) return 1;
        if (!deadline.passed()) return std::puts("too early"), 1;
        const cfd::FutexWord word{1};
        const auto futex_deadline = cfd::Deadline::after(2ms);
        while (!futex_deadline.passed()) cfd::futex_wait(word, 1, futex_deadline);
    }
    std::puts("ended");
}
