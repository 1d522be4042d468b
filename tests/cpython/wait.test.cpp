// SPDX-License-Identifier: MIT
//
// CPython's test_concurrent_futures/test_wait.py. There a call that is only just cancelled counts
// as not done until its executor meets it; here a cancelled call is done, and who waits hears at
// once.
#include <stdexcept>

#include "cpython/translation.hpp"

namespace cpython {
namespace {

using Futures = std::vector<cf::Future<int>>;

cf::Future<int> cancelled_future() {
    const cf::Promise<int> promise;
    auto future = promise.get_future();
    future.cancel();
    return future;
}
cf::Future<int> failed_future() {
    cf::Promise<int> promise;
    promise.set_exception(std::make_exception_ptr(std::runtime_error("failed")));
    return promise.get_future();
}
cf::Future<int> succeeded_future() {
    cf::Promise<int> promise;
    promise.set_value(42);
    return promise.get_future();
}

EXECUTOR_CASE("wait() counts a future that comes twice once", "test_wait.test_20369") {
    TestType pool(5);
    const auto future = pool.submit(multiply, 2, 3);
    const auto [done, not_done] = cf::wait(Futures{future, future});
    CHECK(done == Futures{future});
    CHECK(not_done.empty());
}

EXECUTOR_CASE("wait() for the first gives the one that has ended",
              "test_wait.test_first_completed") {
    TestType pool(5);
    support::ProcessGate gate;
    const cf::Promise<int> pending;
    const auto ends = pool.submit(multiply, 21, 2);
    const auto stays = pool.submit(stay_at, gate.path(), 1);
    const auto [done, not_done] = cf::wait(Futures{pending.get_future(), ends, stays},
                                           {.return_when = cf::ReturnWhen::first_completed});
    CHECK(done == Futures{ends});
    CHECK(not_done == Futures{pending.get_future(), stays});
}

EXECUTOR_CASE("wait() for the first returns at once for one that is cancelled but not yet dequeued",
              "test_wait.test_first_completed") {
    BusyPool<TestType> busy;
    const auto waiting = busy.pool.submit(multiply, 1, 2);
    const auto cancelled = busy.pool.submit(multiply, 3, 4);
    REQUIRE(cancelled.cancel());
    const auto [done, not_done] = cf::wait(Futures{busy.call(), waiting, cancelled},
                                           {.return_when = cf::ReturnWhen::first_completed});
    CHECK(done == Futures{cancelled});
    CHECK(not_done == Futures{busy.call(), waiting});
}

EXECUTOR_CASE("wait() for the first returns at once when one had ended before",
              "test_wait.test_first_completed_some_already_completed") {
    TestType pool(5);
    support::ProcessGate gate;
    const auto stays = pool.submit(stay_at, gate.path(), 1);
    const auto cancelled = cancelled_future();
    const auto succeeded = succeeded_future();
    const auto [done, not_done] = cf::wait(Futures{cancelled, succeeded, stays},
                                           {.return_when = cf::ReturnWhen::first_completed});
    CHECK(done == Futures{cancelled, succeeded});
    CHECK(not_done == Futures{stays});
}

EXECUTOR_CASE("wait() for the first exception returns with it and with what had ended before",
              "test_wait.test_first_exception") {
    TestType pool(5);
    support::ProcessGate fails_here, stays_here;
    const auto first = pool.submit(multiply, 2, 21);
    const auto second = pool.submit(fail_at, fails_here.path(), "second");
    const auto third = pool.submit(stay_at, stays_here.path(), 3);
    first.add_done_callback([&](const cf::Future<int>&) { fails_here.open(); });
    const auto [done, not_done] =
        cf::wait(Futures{first, second, third}, {.return_when = cf::ReturnWhen::first_exception});
    CHECK(done == Futures{first, second});
    CHECK(not_done == Futures{third});
}

EXECUTOR_CASE("wait() for the first exception takes a cancellation for none",
              "test_wait.test_first_exception_some_already_complete") {
    TestType pool(5);
    support::ProcessGate fails_here, stays_here;
    const auto fails = pool.submit(fail_at, fails_here.path(), "late");
    const auto stays = pool.submit(stay_at, stays_here.path(), 3);
    const cf::Promise<int> pending;
    const auto cancelled = cancelled_future();
    const auto succeeded = succeeded_future();
    const Futures all{succeeded, cancelled, pending.get_future(), fails, stays};
    const cf::WaitOptions options{.return_when = cf::ReturnWhen::first_exception};
    const auto early = cf::wait(all, {.timeout = 0s, .return_when = options.return_when});
    CHECK(early.done == Futures{succeeded, cancelled});
    fails_here.open();
    const auto [done, not_done] = cf::wait(all, options);
    CHECK(done == Futures{succeeded, cancelled, fails});
    CHECK(not_done == Futures{pending.get_future(), stays});
}

EXECUTOR_CASE("wait() for the first exception returns at once when one had failed before",
              "test_wait.test_first_exception_one_already_failed") {
    TestType pool(5);
    support::ProcessGate gate;
    const auto stays = pool.submit(stay_at, gate.path(), 2);
    const auto failed = failed_future();
    const auto [done, not_done] =
        cf::wait(Futures{failed, stays}, {.return_when = cf::ReturnWhen::first_exception});
    CHECK(done == Futures{failed});
    CHECK(not_done == Futures{stays});
}

EXECUTOR_CASE("wait() for all gives all, however they end", "test_wait.test_all_completed") {
    TestType pool(5);
    const auto fails = pool.submit(fail, "failed");
    const auto succeeds = pool.submit(multiply, 2, 21);
    const Futures all{cancelled_future(), failed_future(), succeeded_future(), fails, succeeds};
    const auto [done, not_done] = cf::wait(all, {.return_when = cf::ReturnWhen::all_completed});
    CHECK(done == all);
    CHECK(not_done.empty());
}

EXECUTOR_CASE("wait() with a limit gives what has ended and what has not, and does not throw",
              "test_wait.test_timeout") {
    TestType pool(5);
    support::ProcessGate gate;
    const auto ends = pool.submit(multiply, 6, 7);
    const auto stays = pool.submit(stay_at, gate.path(), 6);
    ends.wait();
    const Futures ended{cancelled_future(), failed_future(), succeeded_future(), ends};
    Futures all = ended;
    all.push_back(stays);
    for (const auto timeout : {0ms, -5ms, 100ms}) {
        const auto [done, not_done] = cf::wait(all, {.timeout = timeout});
        CHECK(done == ended);
        CHECK(not_done == Futures{stays});
    }
}

CPYTHON_CASE("wait() hears of a hundred calls that end at the same moment",
             "test_wait.test_pending_calls_race") {
    cf::ThreadPoolExecutor pool(5);
    for (int round = 0; round < 20; ++round) {
        support::Gate gate("all may end");
        std::vector<cf::Future<void>> all;
        for (int i = 0; i < 100; ++i) all.push_back(pool.submit([&] { gate.wait(); }));
        gate.open();
        CHECK(cf::wait(all).done.size() == 100);
    }
}

}  // namespace
}  // namespace cpython
