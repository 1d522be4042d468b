// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^after: cancelled$
// expect-output: ^after a continuation: cancelled$
// expect-output: ^submit_after: cancelled$
// expect-output: ^submit_every: cancelled$
// expect-output: ^with_timeout: timed out$
// expect-output: ^set in a destructor: cancelled$
// expect-no-output: wrong|terminate
// timeout-seconds: 60
//
// At the end of the program tasks of a static pool, which is older than the timer, wait for timers that are due in an
// hour. The timers are cancelled, so the pool can end.
#include <concurrent/futures/thread_pool_executor.hpp>
#include <concurrent/futures/timers.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

namespace {

std::atomic<int> waiting{0};
cf::Promise<int> never;

template <class Wait>
void expect_cancelled(const char* what, Wait wait) {
    ++waiting;
    waiting.notify_all();
    try {
        wait();
        std::printf("wrong: %s\n", what);
    } catch (const cf::CancelledError&) {
        std::printf("%s: cancelled\n", what);
    } catch (const cf::TimeoutError&) {
        std::printf("%s: timed out\n", what);
    }
}

struct UsesTimers {
    ~UsesTimers() {
        expect_cancelled("set in a destructor", [] { cf::after(1h).result(); });
    }
};

}  // namespace

int main() {
    static const UsesTimers older;
    static cf::ThreadPoolExecutor pool(6);
    pool.post([] { expect_cancelled("after", [] { cf::after(1h).result(); }); });
    pool.post([] { expect_cancelled("after a continuation", [] { cf::after(1h).then([] {}).result(); }); });
    pool.post([] { expect_cancelled("submit_after", [] { cf::submit_after(pool, 1h, [] {}).result(); }); });
    pool.post([] { expect_cancelled("submit_every", [] { cf::submit_every(pool, 1h, [] {}).result(); }); });
    pool.post([] {
        expect_cancelled("with_timeout", [] { cf::with_timeout(never.get_future(), 1h).result(); });
    });
    for (int seen = 0; seen != 5; seen = waiting) waiting.wait(seen);
    // Due while timers are set in the pool's threads.
    for (int n = 0; n < 50; ++n) pool.post([] {
        try {
            cf::after(1us).result();
            cf::after(1h).result();
        } catch (const cf::CancelledError&) {
        }
    });
}
