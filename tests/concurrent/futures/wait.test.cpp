// SPDX-License-Identifier: MIT
//
// What the contract suite does not show: many futures that end while somebody begins to wait.
#include <concurrent/futures/promise.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>
#include <concurrent/futures/wait.hpp>
#include <stop_token>
#include <limits>
#include <chrono>
#include <concurrent/futures/as_completed.hpp>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <deque>
#include <forward_list>
#include <iterator>
#include <span>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/gate.hpp"

namespace {

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

TEST_CASE("wait() takes any range of futures, by value or reference", "[wait]") {
    cf::Promise<int> promise;
    promise.set_value(1);
    const auto future = promise.get_future();
    CHECK(cf::wait(std::forward_list{future, future}).done.size() == 1);
    const std::vector futures{future};
    CHECK(cf::wait(std::span(futures)).done.size() == 1);
    STATIC_REQUIRE(cf::detail::FutureRange<std::vector<cf::Future<void>>&>);
    STATIC_REQUIRE_FALSE(cf::detail::FutureRange<std::vector<int>>);
    STATIC_REQUIRE_FALSE(cf::detail::FutureRange<cf::Future<int>>);
}

/// Futures that count how often one of them is looked at.
struct CountedFutures {
    std::vector<cf::Future<int>> futures;
    mutable std::size_t looks = 0;
    std::size_t size() const { return futures.size(); }
    const cf::Future<int>& operator[](std::size_t index) const {
        ++looks;
        return futures[index];
    }
};

TEST_CASE("waits for many futures, one after the other, look at each a few times in all", "[wait]") {
    using namespace cf::detail;
    constexpr std::size_t count = 1000;
    std::vector<cf::Promise<int>> promises(count);
    CountedFutures all;
    for (const auto& promise : promises) all.futures.push_back(promise.get_future());
    CompletionWaiter waiter;
    std::deque<Watch> watches;
    for (std::size_t i = 0; i < count; ++i)
        watches.emplace_back(waiter, FutureAccess::state(all.futures[i], "test"), i).start();
    FirstOpen first_open;
    for (std::size_t i = 0; i < count; ++i) {
        promises[i].set_value(0);
        REQUIRE(wait_for_one(waiter, all, first_open, count - i, Deadline::never()));
        REQUIRE(waiter.try_take()->index() == i);
    }
    CHECK(all.looks < 5 * count);
}

/// A task that a waiting thread may want to run. The last one of a wait ends the others, too.
struct Runnable final : cf::detail::OutcomeState<int> {
    int asked = 0;
    Runnable* ends = nullptr;  // when it is asked, and itself
    bool run_here(const cf::detail::RunHere&) override {
        ++asked;
        if (!ends) return false;
        ends->end();
        end();
        return true;
    }
    void end() {
        if (claim()) finish_and_drop_producer(store_result_of([] { return 0; }));
    }
};

TEST_CASE("wait() for all links of a long chain follows each link once", "[wait]") {
    auto* const first = new Runnable;
    auto* const last = new Runnable;
    last->ends = first;
    std::vector<cf::Future<int>> all{cf::detail::FutureAccess::adopt<int>(first)};
    for (int link = 0; link < 1000; ++link) all.push_back(all.back().then([](int n) { return n + 1; }));
    all.push_back(cf::detail::FutureAccess::adopt<int>(last));
    CHECK(cf::wait(all).not_done.empty());
    CHECK(all[1000].result() == 1000);
    CHECK(first->asked == 2);  // for itself, and at the end of the chain; not for each link
    CHECK(last->asked == 1);
}

TEST_CASE("wait() works for calls without a result", "[wait]") {
    cf::ThreadPoolExecutor pool(2);
    const std::array futures{pool.submit([] {}), pool.submit([] { throw std::runtime_error("no"); })};
    CHECK(cf::wait(futures).done.size() == 2);
}

TEST_CASE("wait() leaves nothing behind in futures that go on", "[wait]") {
    cf::Promise<int> promise;
    const std::vector futures{promise.get_future()};
    for (int i = 0; i < 1000; ++i)
        CHECK(cf::wait(futures, {.timeout = 0s}).not_done.size() == 1);
    promise.set_value(1);
    CHECK(cf::wait(futures).done.size() == 1);
}

TEST_CASE("wait() hears of calls that end while it begins to wait", "[wait]") {
    // Python's issue 14406: a hundred futures that end at the same time.
    for (int round = 0; round < 20; ++round) {
        std::vector<cf::Promise<int>> promises(100);
        std::vector<cf::Future<int>> futures;
        for (const auto& promise : promises) futures.push_back(promise.get_future());
        support::Gate go;
        const auto fulfil = [&](std::size_t first) {
            go.wait();
            for (std::size_t i = first; i < promises.size(); i += 2) promises[i].set_value(1);
        };
        const std::jthread even(fulfil, 0u), odd(fulfil, 1u);
        go.open();
        REQUIRE(cf::wait(futures).done.size() == futures.size());
    }
}

TEST_CASE("several threads may wait for the same futures in different ways", "[wait]") {
    std::vector<cf::Promise<int>> promises(10);
    std::vector<cf::Future<int>> futures;
    for (const auto& promise : promises) futures.push_back(promise.get_future());
    std::array<std::size_t, 3> done{};
    {
        std::array<support::Gate, 3> asked;
        std::vector<std::jthread> waiters;
        for (const auto when : {cf::ReturnWhen::first_completed, cf::ReturnWhen::first_exception,
                                cf::ReturnWhen::all_completed})
            waiters.emplace_back([&, when, which = static_cast<std::size_t>(when)] {
                asked[which].open();
                done[which] = cf::wait(futures, {.return_when = when}).done.size();
            });
        for (support::Gate& gate : asked) gate.wait();
        for (std::size_t i = 0; i + 1 < promises.size(); ++i) promises[i].set_value(1);
        promises.back().set_exception(std::make_exception_ptr(std::runtime_error("last")));
    }
    CHECK(done[static_cast<std::size_t>(cf::ReturnWhen::first_completed)] >= 1);
    CHECK(done[static_cast<std::size_t>(cf::ReturnWhen::first_exception)] == 10);
    CHECK(done[static_cast<std::size_t>(cf::ReturnWhen::all_completed)] == 10);
}

TEST_CASE("an empty future among others is refused before anything is waited for", "[wait]") {
    cf::Promise<int> promise;
    CHECK_THROWS_AS(cf::wait(std::vector{promise.get_future(), cf::Future<int>()}),
                    cf::InvalidStateError);
    promise.set_value(1);
}

TEST_CASE("the running call may need the thread that waits for the first of it and a waiting one",
          "[wait]") {
    cf::ThreadPoolExecutor pool(2);
    support::Gate running("running"), back("back");
    const auto needs_waiter = pool.submit([&] {
        running.open();
        back.wait();
        return 1;
    });
    running.wait();
    // Both workers are taken; only a third one can start the call that lets this wait return.
    const auto first = pool.submit([&] {
        const auto waiting = pool.submit([] { return 2; });
        const auto result = cf::wait(std::vector{needs_waiter, waiting},
                                     {.return_when = cf::ReturnWhen::first_completed});
        back.open();
        return result.done.front().result();
    });
    CHECK(first.result() == 2);
    CHECK(needs_waiter.result() == 1);
    pool.submit([] {}).result();
    pool.shutdown();
    CHECK(pool.stats().completed == 4);
}

// ---- durations at the ends of their range ----

TEST_CASE("the longest duration waits, the shortest is over at once, none overflows", "[durations]") {
    using Nanoseconds = std::chrono::nanoseconds;
    cf::ThreadPoolExecutor pool({.max_workers = 1, .idle_timeout = Nanoseconds::max()});
    const auto done = pool.submit([] { return 1; });
    CHECK(done.result(Nanoseconds::max()) == 1);
    CHECK(done.exception(Nanoseconds::max()) == nullptr);
    CHECK(done.wait_for(Nanoseconds::max()) == std::future_status::ready);
    const std::vector all_done{done};
    CHECK(cf::wait(all_done, {.timeout = Nanoseconds::max()}).not_done.empty());
    for (const auto& each : cf::as_completed(all_done, Nanoseconds::max())) CHECK(each.done());
    CHECK_NOTHROW(pool.submit({.timeout = Nanoseconds::max()}, [](const std::stop_token&) {}).result());
    for (const int n : pool.map({.timeout = Nanoseconds::max()}, [](int i) { return i; }, std::vector{3})) CHECK(n == 3);
    CHECK_NOTHROW(pool.shutdown_for(Nanoseconds::max()));

    const cf::Promise<int> never;
    const auto pending = never.get_future();
    const std::vector all_pending{pending};
    for (const auto over : {Nanoseconds::min(), Nanoseconds(-1), Nanoseconds(0)}) {
        CHECK_THROWS_AS(pending.result(over), cf::TimeoutError);
        CHECK_THROWS_AS(pending.exception(over), cf::TimeoutError);
        CHECK(pending.wait_for(over) == std::future_status::timeout);
        CHECK(cf::wait(all_pending, {.timeout = over}).done.empty());
        CHECK_THROWS_AS([&] { for (const auto& each : cf::as_completed(all_pending, over)) static_cast<void>(each); }(),
                        cf::TimeoutError);
    }
    for (const auto negative : {Nanoseconds::min(), Nanoseconds(-1)}) {
        cf::ThreadPoolExecutor other(1);
        CHECK_THROWS_AS(cf::ThreadPoolExecutor({.max_workers = 1, .idle_timeout = negative}), std::invalid_argument);
        CHECK_THROWS_AS(other.submit({.timeout = negative}, [](const std::stop_token&) {}), std::invalid_argument);
    }
}

TEST_CASE("an infinite duration waits, a negative one is over at once, NaN is refused", "[durations]") {
    using Seconds = std::chrono::duration<double>;
    const Seconds infinite(std::numeric_limits<double>::infinity()), nan(std::numeric_limits<double>::quiet_NaN());
    cf::Promise<int> promise;
    const auto future = promise.get_future();
    CHECK_THROWS_AS(future.result(-infinite), cf::TimeoutError);
    CHECK_THROWS_AS(future.exception(-infinite), cf::TimeoutError);
    CHECK(future.wait_for(-infinite) == std::future_status::timeout);
    CHECK_THROWS_AS(future.result(nan), std::invalid_argument);
    CHECK_THROWS_AS(future.exception(nan), std::invalid_argument);
    CHECK_THROWS_AS(future.wait_for(nan), std::invalid_argument);
    promise.set_value(1);
    CHECK(future.result(infinite) == 1);
    CHECK(future.exception(infinite) == nullptr);
    CHECK(future.wait_for(infinite) == std::future_status::ready);
    cf::ThreadPoolExecutor pool(1);
    CHECK_THROWS_AS(pool.shutdown_for(nan), std::invalid_argument);
    CHECK_NOTHROW(pool.shutdown_for(infinite));
}

TEST_CASE("a worker that waits for the only future that has not ended runs a task of its own pool itself", "[wait]") {
    cf::ThreadPoolExecutor pool(1);
    for (const cf::ReturnWhen when : {cf::ReturnWhen::first_completed, cf::ReturnWhen::first_exception}) {
        const auto same = pool.submit([&] {
            const auto waiting = pool.submit([] { return std::this_thread::get_id(); });
            cf::wait(std::vector{waiting}, {.return_when = when});
            return waiting.result() == std::this_thread::get_id();
        });
        CHECK(same.result());
    }
}

}  // namespace
