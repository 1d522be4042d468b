// SPDX-License-Identifier: MIT
//
// Waits in a forked child for tasks whose pool is in the parent. Each is an exception, where it would never end.
#include <concurrent/futures/detail/state/left_in_parent.hpp>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <concurrent/futures/as_completed.hpp>
#include <concurrent/futures/future.hpp>
#include <concurrent/futures/observer.hpp>
#include <concurrent/futures/process_pool_executor.hpp>
#include <concurrent/futures/promise.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>
#include <concurrent/futures/wait.hpp>
#include <functional>
#include <future>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "support/forked.hpp"
#include "support/gate.hpp"

namespace {

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

/// In a child: 0 if `wait` throws an Error that names the executor, says where its pool is, and what to do.
template <class Error, class Wait>
int look_at(const std::string& executor, Wait wait) {
    try {
        wait();
    } catch (const Error& error) {
        const std::string text = error.what();
        const auto says = [&](const std::string& words) { return text.find(words) != text.npos; };
        return says(executor + " of the parent process") && says("had not ended when this process was forked") &&
                       says("a pool that is made in the child")
                   ? 0
                   : 1;
    } catch (...) {
        return 2;
    }
    return 3;
}

/// Each way to wait for one of these, of which no one has ended, in a child of its own.
template <class Error>
void try_all_waits(const std::string& executor, const std::vector<cf::Future<int>>& pending) {
    const cf::Future<int>& future = pending.front();
    const auto throws = [&](const std::function<void()>& wait) {
        return support::run_forked([&] { return look_at<Error>(executor, wait); }).exit_code() == 0;
    };
    CHECK(throws([&] { static_cast<void>(future.result()); }));
    CHECK(throws([&] { static_cast<void>(future.result(1h)); }));
    CHECK(throws([&] { static_cast<void>(future.exception()); }));
    CHECK(throws([&] { future.wait(); }));
    CHECK(throws([&] { static_cast<void>(future.wait_for(1h)); }));
    CHECK(throws([&] { static_cast<void>(future.then([](int n) { return n; }).result()); }));
    CHECK(throws([&] { cf::wait(pending); }));
    CHECK(throws([&] { cf::wait(pending, {.return_when = cf::ReturnWhen::first_completed}); }));
    CHECK(throws([&] { for (const auto& each : cf::as_completed(pending)) static_cast<void>(each); }));
    // A look without a wait still tells how it stands.
    CHECK(support::run_forked([&] {
              return !future.done() && future.wait_for(0s) == std::future_status::timeout && !future.cancelled() ? 0 : 1;
          }).exit_code() == 0);
}

int one() { return 1; }

TEST_CASE("in a forked child a wait for a task of the parent's thread pool throws", "[left_in_parent]") {
    for (const bool observed : {false, true}) {
        support::Gate gate;
        cf::ThreadPoolExecutor pool(
            {.max_workers = 1, .observer = observed ? std::make_shared<cf::Observer>() : nullptr});
        std::vector<cf::Future<int>> pending;
        pending.push_back(pool.submit([&] { return gate.wait(), 1; }));  // runs
        pending.push_back(pool.submit(one));                             // waits
        try_all_waits<cf::BrokenThreadPool>("ThreadPoolExecutor", pending);
        gate.open();
        for (const auto& each : pending) CHECK(each.result() == 1);
    }
}

TEST_CASE("in a forked child the parent's thread pool takes no task, and is neither paused nor changed", "[left_in_parent]") {
    cf::ThreadPoolExecutor pool(1);
    CHECK(pool.submit(one).result() == 1);
    const std::vector<int (*)()> calls{one, one};
    const auto throws = [&](const std::function<void()>& call) {
        return support::run_forked([&] {
                   try {
                       call();
                   } catch (const cf::BrokenThreadPool&) {
                       return 0;
                   }
                   return 1;
               }).exit_code() == 0;
    };
    CHECK(throws([&] { static_cast<void>(pool.submit(one)); }));
    CHECK(throws([&] { pool.post([] {}); }));
    CHECK(throws([&] { static_cast<void>(pool.submit_all(calls)); }));
    CHECK(throws([&] { pool.pause(); }));
    CHECK(throws([&] { pool.resume(); }));
    CHECK(throws([&] { pool.set_max_workers(2); }));
    CHECK(throws([&] { pool.start_workers(); }));
    CHECK(throws([&] { pool.wait_idle(); }));
    CHECK(pool.submit(one).result() == 1);
}

TEST_CASE("in a forked child results of a map that runs in the parent's threads throw", "[left_in_parent]") {
    support::Gate gate;
    std::vector<int> numbers(200);
    std::iota(numbers.begin(), numbers.end(), 0);
    cf::ThreadPoolExecutor pool(1);
    auto ordered = pool.map([&](int n) { return gate.wait(), n; }, numbers);
    auto unordered = pool.map_unordered([&](int n) { return gate.wait(), n; }, numbers);
    for (auto* const results : {&ordered, &unordered})
        CHECK(support::run_forked([&] {
                  return look_at<cf::BrokenThreadPool>("ThreadPoolExecutor", [&] { static_cast<void>(*results->begin()); });
              }).exit_code() == 0);
    gate.open();
    int sum = 0;
    for (const int n : ordered) sum += n;
    CHECK(sum == 199 * 100);
}

#if !CONCURRENT_FUTURES_TSAN  // it follows no child with threads, or with a pool of processes, of a process with threads

int identity(int n) { return n; }
void open_late(const std::string& path) { support::wait_at_gate(path); }

TEST_CASE("what has ended before a fork, and what a pool of the child runs, can be waited for there", "[left_in_parent]") {
    support::Gate gate;
    cf::ThreadPoolExecutor pool(1);
    const auto ended = pool.submit([] { return 7; });
    CHECK(ended.result() == 7);
    const auto pending = pool.submit([&] { return gate.wait(), 1; });
    const auto end = support::run_forked([&] {
        if (ended.result() != 7 || ended.then(identity).result() != 7) return 1;
        cf::ThreadPoolExecutor own(1);
        support::Gate later;
        const auto mine = own.submit([&] { return later.wait(), 8; });
        if (mine.wait_for(1ms) != std::future_status::timeout) return 2;
        // Of several futures one will end here.
        const std::vector<cf::Future<int>> mixed{pending, mine};
        later.open();
        if (cf::wait(mixed, {.return_when = cf::ReturnWhen::first_completed}).done.size() != 1) return 3;
        if (mine.result() != 8) return 4;
        // From here on none will.
        if (look_at<cf::BrokenThreadPool>("ThreadPoolExecutor", [&] { cf::wait(mixed); }) != 0) return 5;
        // A promise has no pool: the child may set it.
        cf::Promise<int> promise;
        const auto promised = promise.get_future();
        own.post([&] { promise.set_value(9); });
        return promised.result() == 9 ? 0 : 6;
    });
    CHECK(end.exit_code() == 0);
    gate.open();
    CHECK(pending.result() == 1);
}

// F61: nothing else in the child will end, but what has just ended is news to the thread that waits.
TEST_CASE("a forked child that waits for several hears of one that has just ended, before it learns that none of the others will",
          "[left_in_parent]") {
    support::Gate gate;
    cf::ThreadPoolExecutor pool(1);
    const auto pending = pool.submit([&] { return gate.wait(), 1; });
    const auto end = support::run_forked([&] {
        cf::Promise<int> promise;
        const std::vector<cf::Future<int>> mixed{pending, promise.get_future()};
        cf::detail::FirstOpen first_open;
        first_open.throw_if_left_in_parent(mixed, 2);  // the promise may be set
        promise.set_value(2);
        first_open.throw_if_left_in_parent(mixed, 2);  // the waiter has not heard of it
        return look_at<cf::BrokenThreadPool>("ThreadPoolExecutor", [&] { first_open.throw_if_left_in_parent(mixed, 1); });
    });
    CHECK(end.exit_code() == 0);
    gate.open();
    CHECK(pending.result() == 1);
}

TEST_CASE("in a forked child a wait for a task of the parent's process pool throws", "[left_in_parent]") {
    support::ProcessGate gate;
    cf::ProcessPoolExecutor pool({.max_workers = 1, .start_method = cf::StartMethod::spawn});
    const auto first = pool.submit(open_late, gate.path());
    const std::vector<cf::Future<int>> pending{pool.submit(one), pool.submit(one)};
    try_all_waits<cf::BrokenProcessPool>("ProcessPoolExecutor", pending);
    const std::vector<int> numbers{1, 2, 3};
    auto ordered = pool.map(identity, numbers);
    auto unordered = pool.map_unordered(identity, numbers);
    for (auto* const results : {&ordered, &unordered})
        CHECK(support::run_forked([&] {
                  return look_at<cf::BrokenProcessPool>("ProcessPoolExecutor", [&] { static_cast<void>(*results->begin()); });
              }).exit_code() == 0);
    gate.open();
    for (const auto& each : pending) CHECK(each.result() == 1);
}

#endif

}  // namespace
