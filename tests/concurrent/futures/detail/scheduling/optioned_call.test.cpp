// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/scheduling/optioned_call.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

#include "support/gate.hpp"

namespace {

namespace cf = concurrent::futures;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

/// Returns when asked to stop.
void stay(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any changed;
    std::unique_lock lock(mutex);
    changed.wait(lock, stop, [] { return false; });
}

TEST_CASE("a call whose time is up is asked to stop and ends with TaskTimeoutError", "[optioned_call]") {
    cf::ThreadPoolExecutor pool(1);
    const auto named = pool.submit({.name = "slow page", .timeout = 1ms}, [](std::stop_token stop) { stay(stop); });
    CHECK_THROWS_AS(named.result(), cf::TaskTimeoutError);
    CHECK_THROWS_WITH(named.result(), ContainsSubstring("\"slow page\"") && ContainsSubstring("0.001"));
    const auto value = pool.submit({.timeout = 1ms}, [](std::stop_token stop, int n) {
        stay(stop);
        return n;
    }, 3);
    CHECK_THROWS_AS(value.result(), cf::TaskTimeoutError);
    const auto throws = pool.submit({.timeout = 1ms}, [](std::stop_token stop) {
        stay(stop);
        throw std::runtime_error("stopped");
    });
    CHECK_THROWS_AS(throws.result(), cf::TaskTimeoutError);
    CHECK(pool.stats().failed == 3);
}

TEST_CASE("a call that ends in time gives what it gives", "[optioned_call]") {
    cf::ThreadPoolExecutor pool(1);
    int number = 1;
    CHECK(pool.submit({.timeout = 1h}, [](std::stop_token, int n) { return n + 1; }, 1).result() == 2);
    CHECK(&pool.submit({.timeout = 1h}, [&](std::stop_token) -> int& { return number; }).result() == &number);
    CHECK(*pool.submit({.timeout = 1h}, [](std::stop_token, std::unique_ptr<int> p) { return p; },
                       std::make_unique<int>(3))
               .result() == 3);
    pool.submit({.timeout = 1h}, [](std::stop_token) {}).result();
    CHECK_THROWS_AS(pool.submit({.timeout = 1h}, [](std::stop_token) { throw std::logic_error("own"); }).result(),
                    std::logic_error);
}

TEST_CASE("a timeout as long as can be is no timeout", "[optioned_call]") {
    cf::ThreadPoolExecutor pool(1);
    const auto call = pool.submit({.timeout = std::chrono::nanoseconds::max()},
                                  [](std::stop_token stop) { return stop.stop_requested(); });
    CHECK_FALSE(call.result());
}

TEST_CASE("the timeout counts from the start of the call, not from submit", "[optioned_call]") {
    cf::ThreadPoolExecutor pool(1);
    // Counted from submit, it would have passed in each attempt. A busy machine may hold the call up in one of them.
    bool in_time = false;
    for (int attempt = 0; !in_time && attempt < 20; ++attempt) {
        support::Gate busy, may_end;
        pool.post([&] {
            busy.open();
            may_end.wait();
        });
        busy.wait();
        const auto waits = pool.submit({.timeout = 300ms}, [](std::stop_token stop) { return stop.stop_requested(); });
        CHECK(waits.wait_for(400ms) == std::future_status::timeout);
        may_end.open();
        in_time = waits.exception() == nullptr && !waits.result();
    }
    CHECK(in_time);
}

TEST_CASE("request_stop reaches a call with options, and is no timeout", "[optioned_call]") {
    cf::ThreadPoolExecutor pool(1);
    support::Gate started;
    int runs = 0;
    const auto call = pool.submit({.timeout = 1h, .retries = 5}, [&](std::stop_token stop) {
        ++runs;
        started.open();
        stay(stop);
        throw std::runtime_error("asked");
    });
    started.wait();
    call.request_stop();
    CHECK_THROWS_WITH(call.result(), "asked");
    CHECK(runs == 1);
}

TEST_CASE("a call that fails runs again, up to retries more times, with fresh copies", "[optioned_call]") {
    cf::ThreadPoolExecutor pool(1);
    int runs = 0;
    const auto succeeds_at = [&](int run) {
        runs = 0;
        return [&runs, run, spent = false](std::string text) mutable {
            if (std::exchange(spent, true) || text != "fresh") throw std::logic_error("not a fresh copy");
            text.clear();
            if (++runs < run) throw std::runtime_error("run " + std::to_string(runs));
            return runs;
        };
    };
    CHECK(pool.submit({.retries = 3}, succeeds_at(1), "fresh").result() == 1);
    CHECK(pool.submit({.retries = 3}, succeeds_at(4), "fresh").result() == 4);
    CHECK_THROWS_WITH(pool.submit({.retries = 2}, succeeds_at(4), "fresh").result(), "run 3");
    CHECK(runs == 3);
    CHECK_THROWS_WITH(pool.submit({.retries = 0}, succeeds_at(2), "fresh").result(), "run 1");
    CHECK(pool.stats().completed == 2);
    CHECK(pool.stats().failed == 2);
}

TEST_CASE("a call whose time is up is retried with the whole time again", "[optioned_call]") {
    cf::ThreadPoolExecutor pool(1);
    std::atomic<int> runs = 0;
    const auto call = pool.submit({.timeout = 5ms, .retries = 2}, [&](std::stop_token stop) {
        if (++runs < 3) stay(stop);
        return stop.stop_requested();
    });
    static_cast<void>(call.exception());
    CHECK(runs == 3);
    runs = 0;
    const auto never = pool.submit({.timeout = 1ms, .retries = 2}, [&](std::stop_token stop) {
        ++runs;
        stay(stop);
    });
    CHECK_THROWS_AS(never.result(), cf::TaskTimeoutError);
    CHECK(runs == 3);
}

TEST_CASE("options that a call cannot honour are refused before anything is queued", "[optioned_call]") {
    cf::ThreadPoolExecutor pool(1);
    CHECK_THROWS_WITH(pool.submit({.timeout = 1s}, [] {}), ContainsSubstring("stop_token"));
    CHECK_THROWS_AS(pool.submit({.timeout = -1s}, [](std::stop_token) {}), std::invalid_argument);
    CHECK_THROWS_WITH(pool.submit({.retries = 1}, [p = std::make_unique<int>(1)] { return *p; }),
                      ContainsSubstring("copied"));
    CHECK_THROWS_AS(pool.submit({.retries = 1}, [](const std::unique_ptr<int>&) {}, std::make_unique<int>(1)),
                    std::invalid_argument);
    CHECK(pool.stats().workers == 0);
}

TEST_CASE("priority and name alone work with every call", "[optioned_call]") {
    cf::ThreadPoolExecutor pool(1);
    support::Gate busy, may_end;
    std::vector<std::string> order;
    pool.post([&] {
        busy.open();
        may_end.wait();
    });
    busy.wait();
    const auto note = [&](const std::string& text) { order.push_back(text); };
    const auto low = pool.submit({.name = "l", .priority = cf::Priority::low, .retries = 1}, note, "low");
    const auto normal = pool.submit({.name = "n"}, note, "normal");
    const auto high = pool.submit({.name = "h", .priority = cf::Priority::high, .retries = 1}, note, "high");
    may_end.open();
    pool.shutdown();
    CHECK(order == std::vector<std::string>{"high", "normal", "low"});
}

TEST_CASE("a pool of threads with report_unobserved reports failures that nobody looked at", "[optioned_call]") {
    std::atomic<int> reports = 0;
    std::string message;
    {
        cf::ThreadPoolExecutor pool({.max_workers = 1,
                                     .report_unobserved = true,
                                     .on_unhandled_exception = [&](const std::exception_ptr& error) {
                                         ++reports;
                                         try {
                                             std::rethrow_exception(error);
                                         } catch (const std::exception& e) {
                                             message = e.what();
                                         }
                                     }});
        const auto fail = [](const char* why) { throw std::runtime_error(why); };
        static_cast<void>(pool.submit(fail, "unseen"));
        CHECK(pool.submit(fail, "seen").exception() != nullptr);
        CHECK_THROWS(pool.submit(fail, "seen").result());
        // A failure that flows on has been seen; the last future of the chain belongs to no pool.
        CHECK(pool.submit(fail, "flows on").then([] {}).exception() != nullptr);
        static_cast<void>(pool.submit([] { return 1; }));
    }
    CHECK(reports == 1);
    CHECK(message == "unseen");
}

}  // namespace
