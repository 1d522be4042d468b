// SPDX-License-Identifier: MIT
//
// CPython's test_concurrent_futures/test_as_completed.py.
#include <memory>
#include <ranges>
#include <unordered_set>

#include "cpython/translation.hpp"

namespace cpython {
namespace {

/// Futures in the states that CPython's tests begin with.
struct EndedFutures {
    EndedFutures() {
        cancelled_promise.get_future().cancel();
        cancelled_promise.set_running_or_notify_cancel();
        failed_promise.set_exception(std::make_exception_ptr(std::runtime_error("failed")));
        succeeded_promise.set_value(42);
    }
    cf::Promise<int> cancelled_promise, failed_promise, succeeded_promise;
    cf::Future<int> cancelled = cancelled_promise.get_future();
    cf::Future<int> failed = failed_promise.get_future();
    cf::Future<int> succeeded = succeeded_promise.get_future();
};

std::shared_ptr<int> boxed(int n) { return std::make_shared<int>(n); }

EXECUTOR_CASE("as_completed() gives what is cancelled, failed, succeeded and what ends later",
              "test_as_completed.test_no_timeout") {
    const EndedFutures ended;
    TestType pool(5);
    const auto first = pool.submit(multiply, 2, 21);
    const auto second = pool.submit(multiply, 7, 6);
    const std::vector all{ended.cancelled, ended.failed, ended.succeeded, first, second};
    std::unordered_set<cf::Future<int>> given;
    for (const cf::Future<int>& future : cf::as_completed(all)) {
        CHECK(future.done());
        given.insert(future);
    }
    CHECK(given == std::unordered_set<cf::Future<int>>(all.begin(), all.end()));
}

EXECUTOR_CASE("as_completed() gives all that has ended before it throws TimeoutError",
              "test_as_completed.test_future_times_out") {
    for (const auto timeout : {0ms, 100ms}) {
        const EndedFutures ended;
        TestType pool(5);
        support::ProcessGate gate;
        const auto unfinished = pool.submit(stay_at, gate.path(), 1);
        const std::vector all{ended.cancelled, ended.failed, unfinished, ended.succeeded};
        std::unordered_set<cf::Future<int>> given;
        const auto iterate = [&] {
            for (const cf::Future<int>& future : cf::as_completed(all, timeout))
                given.insert(future);
        };
        CHECK_THROWS_AS(iterate(), cf::TimeoutError);
        CHECK(given ==
              std::unordered_set<cf::Future<int>>{ended.cancelled, ended.failed, ended.succeeded});
        CHECK_FALSE(unfinished.done());
    }
}

EXECUTOR_CASE("as_completed() gives a future that comes several times once, from any range",
              "test_as_completed.test_duplicate_futures") {
    TestType pool(5);
    support::ProcessGate gate;
    const auto future = pool.submit(stay_at, gate.path(), 5);
    auto ended = cf::as_completed(std::views::iota(0, 3) |
                                  std::views::transform([&](int) { return future; }));
    gate.open();
    std::vector<cf::Future<int>> given;
    for (const auto& each : ended) given.push_back(each);
    CHECK(given == std::vector{future});
}

EXECUTOR_CASE(
    "as_completed() holds no future that it has given, also when the loop ends the next one",
    "test_as_completed.test_free_reference_yielded_future") {
    using Box = std::shared_ptr<int>;
    std::vector<cf::Promise<Box>> promises(8);
    std::vector<cf::Future<Box>> futures;
    for (const auto& promise : promises) futures.push_back(promise.get_future());
    TestType pool(5);
    futures.push_back(pool.submit(boxed, 42));
    futures.push_back(pool.submit(boxed, 43));
    for (std::size_t i = 8; i < 10; ++i) futures[i].wait();
    // The only owner of a result is its state; so it is gone when the last handle is.
    const auto is_gone_after_this = [&](cf::Future<Box>& given) {
        std::erase(futures, given);
        const std::weak_ptr<int> result = given.result();
        given = cf::Future<Box>();
        return support::eventually([&] { return result.expired(); });
    };
    const auto iterate = [&] {
        for (cf::Future<Box>& given : cf::as_completed(futures, 0s))
            CHECK(is_gone_after_this(given));
    };
    CHECK_THROWS_AS(iterate(), cf::TimeoutError);
    CHECK(futures.size() == 8);

    const auto end_next = [&] {
        if (promises.empty()) return;
        promises.back().set_value(std::make_shared<int>(1));
        promises.pop_back();
    };
    end_next();
    for (cf::Future<Box>& given : cf::as_completed(futures)) {
        CHECK(is_gone_after_this(given));
        end_next();
    }
    CHECK(futures.empty());
}

EXECUTOR_CASE("the TimeoutError of as_completed() counts what is unfinished",
              "test_as_completed.test_correct_timeout_exception_msg") {
    const EndedFutures ended;
    TestType pool(5);
    support::ProcessGate gate;
    const auto running = pool.submit(stay_at, gate.path(), 1);
    const cf::Promise<int> pending;
    const std::vector all{ended.cancelled, pending.get_future(), running, ended.succeeded};
    CHECK(message_of([&] {
              for (auto& future : cf::as_completed(all, 0s)) CHECK(future.done());
          }) == "2 (of 4) futures unfinished");
}

}  // namespace
}  // namespace cpython
