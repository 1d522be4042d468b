// SPDX-License-Identifier: MIT
//
// CPython's test_concurrent_futures/test_future.py. What is called Future.set_result there is
// Promise::set_value here.
#include <atomic>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "cpython/translation.hpp"

namespace cpython {
namespace {

/// One future in each of CPython's six states.
struct SixStates {
    SixStates() {
        promises[1].set_running_or_notify_cancel();
        promises[2].get_future().cancel();
        promises[3].get_future().cancel();
        promises[3].set_running_or_notify_cancel();
        promises[4].set_exception(std::make_exception_ptr(std::runtime_error("failed")));
        promises[5].set_value(42);
    }
    std::vector<cf::Promise<int>> promises = std::vector<cf::Promise<int>>(6);
    cf::Future<int> pending = promises[0].get_future();
    cf::Future<int> running = promises[1].get_future();
    cf::Future<int> cancelled = promises[2].get_future();
    cf::Future<int> cancelled_and_notified = promises[3].get_future();
    cf::Future<int> failed = promises[4].get_future();
    cf::Future<int> succeeded = promises[5].get_future();

    std::vector<cf::Future<int>> all() const {
        return {pending, running, cancelled, cancelled_and_notified, failed, succeeded};
    }
};

template <class Predicate>
std::vector<bool> of_all(const SixStates& states, Predicate predicate) {
    std::vector<bool> answers;
    for (const auto& future : states.all()) answers.push_back(predicate(future));
    return answers;
}

std::string printed(const cf::Future<int>& future) {
    std::ostringstream text;
    text << future;
    return text.str();
}

std::string message_in(const std::exception_ptr& error) {
    return message_of([&] { std::rethrow_exception(error); });
}

/// A thread pool that keeps what its callbacks throw.
struct ReportingPool {
    std::mutex mutex;
    std::vector<std::string> reported;
    cf::ThreadPoolExecutor pool{
        {.max_workers = 1, .on_unhandled_exception = [this](const std::exception_ptr& error) {
             const std::lock_guard lock(mutex);
             reported.push_back(message_in(error));
         }}};
};

// ---- callbacks ----

CPYTHON_CASE("a callback is given the result of its call",
             "test_future.test_done_callback_with_result") {
    cf::Promise<int> promise;
    int result = 0;
    promise.get_future().add_done_callback([&](const cf::Future<int>& f) { result = f.result(); });
    promise.set_value(5);
    CHECK(result == 5);
}

CPYTHON_CASE("a callback is given the exception of its call",
             "test_future.test_done_callback_with_exception") {
    cf::Promise<int> promise;
    std::exception_ptr error;
    promise.get_future().add_done_callback(
        [&](const cf::Future<int>& f) { error = f.exception(); });
    promise.set_exception(std::make_exception_ptr(std::runtime_error("test")));
    REQUIRE(error);
    CHECK(message_in(error) == "test");
}

CPYTHON_CASE("a callback hears of cancel()", "test_future.test_done_callback_with_cancel") {
    const cf::Promise<int> promise;
    bool was_cancelled = false;
    const auto future = promise.get_future();
    future.add_done_callback([&](const cf::Future<int>& f) { was_cancelled = f.cancelled(); });
    CHECK(future.cancel());
    CHECK(was_cancelled);
}

CPYTHON_CASE("a callback that throws is reported and the next one runs",
             "test_future.test_done_callback_raises") {
    ReportingPool reporting;
    support::Gate gate;
    bool was_run = false;
    const auto future = reporting.pool.submit([&] { gate.wait(); });
    future.add_done_callback([](const cf::Future<void>&) { throw std::runtime_error("doh!"); });
    future.add_done_callback([&](const cf::Future<void>&) { was_run = true; });
    gate.open();
    reporting.pool.shutdown();
    CHECK(was_run);
    CHECK(reporting.reported == std::vector<std::string>{"doh!"});
}

CPYTHON_CASE("a callback added after success runs at once",
             "test_future.test_done_callback_already_successful") {
    const SixStates states;
    int result = 0;
    states.succeeded.add_done_callback([&](const cf::Future<int>& f) { result = f.result(); });
    CHECK(result == 42);
}

CPYTHON_CASE("a callback added after a failure runs at once",
             "test_future.test_done_callback_already_failed") {
    const SixStates states;
    std::exception_ptr error;
    states.failed.add_done_callback([&](const cf::Future<int>& f) { error = f.exception(); });
    CHECK(error == states.failed.exception());
}

CPYTHON_CASE("a callback added after cancel() runs at once",
             "test_future.test_done_callback_already_cancelled") {
    const SixStates states;
    for (const auto& future : {states.cancelled, states.cancelled_and_notified}) {
        bool was_cancelled = false;
        future.add_done_callback([&](const cf::Future<int>& f) { was_cancelled = f.cancelled(); });
        CHECK(was_cancelled);
    }
}

CPYTHON_CASE("a callback that throws at once is reported and not thrown at the one who adds it",
             "test_future.test_done_callback_raises_already_succeeded") {
    ReportingPool reporting;
    const auto future = reporting.pool.submit(multiply, 6, 7);
    future.wait();
    CHECK_NOTHROW(
        future.add_done_callback([](const cf::Future<int>&) { throw std::runtime_error("doh!"); }));
    CHECK(reporting.reported == std::vector<std::string>{"doh!"});
}

// ---- six states ----

CPYTHON_CASE("a printed future shows its state, and the type it failed with",
             "test_future.test_repr") {
    const SixStates states;
    CHECK(printed(states.pending) == "<Future: pending>");
    CHECK(printed(states.running) == "<Future: running>");
    CHECK(printed(states.cancelled) == "<Future: cancelled>");
    CHECK(printed(states.cancelled_and_notified) == "<Future: cancelled>");
    CHECK(printed(states.failed) == "<Future: finished raised std::runtime_error>");
    CHECK(printed(states.succeeded) == "<Future: finished>");
}

CPYTHON_CASE("cancel() succeeds for what has not started and for what is cancelled",
             "test_future.test_cancel") {
    const SixStates states;
    CHECK(of_all(states, [](const auto& future) { return future.cancel(); }) ==
          std::vector{true, false, true, true, false, false});
    CHECK(printed(states.pending) == "<Future: cancelled>");
    CHECK(printed(states.running) == "<Future: running>");
    CHECK(printed(states.cancelled) == "<Future: cancelled>");
    CHECK(printed(states.cancelled_and_notified) == "<Future: cancelled>");
    CHECK(printed(states.failed) == "<Future: finished raised std::runtime_error>");
    CHECK(printed(states.succeeded) == "<Future: finished>");
}

CPYTHON_CASE("cancelled() is true after cancel() and else false", "test_future.test_cancelled") {
    CHECK(of_all(SixStates(), [](const auto& future) { return future.cancelled(); }) ==
          std::vector{false, false, true, true, false, false});
}

CPYTHON_CASE("done() is true for what has ended, cancelled included", "test_future.test_done") {
    CHECK(of_all(SixStates(), [](const auto& future) { return future.done(); }) ==
          std::vector{false, false, true, true, true, true});
}

CPYTHON_CASE("running() is true only between start and end", "test_future.test_running") {
    CHECK(of_all(SixStates(), [](const auto& future) { return future.running(); }) ==
          std::vector{false, true, false, false, false, false});
}

CPYTHON_CASE("result() without time to wait tells each state apart",
             "test_future.test_result_with_timeout") {
    const SixStates states;
    CHECK_THROWS_AS(states.pending.result(0s), cf::TimeoutError);
    CHECK_THROWS_AS(states.running.result(0s), cf::TimeoutError);
    CHECK_THROWS_AS(states.cancelled.result(0s), cf::CancelledError);
    CHECK_THROWS_AS(states.cancelled_and_notified.result(0s), cf::CancelledError);
    CHECK_THROWS_AS(states.failed.result(0s), std::runtime_error);
    CHECK(states.succeeded.result(0s) == 42);
}

CPYTHON_CASE("exception() without time to wait tells each state apart",
             "test_future.test_exception_with_timeout") {
    const SixStates states;
    CHECK_THROWS_AS(states.pending.exception(0s), cf::TimeoutError);
    CHECK_THROWS_AS(states.running.exception(0s), cf::TimeoutError);
    CHECK_THROWS_AS(states.cancelled.exception(0s), cf::CancelledError);
    CHECK_THROWS_AS(states.cancelled_and_notified.exception(0s), cf::CancelledError);
    CHECK(message_in(states.failed.exception(0s)) == "failed");
    CHECK(states.succeeded.exception(0s) == nullptr);
}

// ---- ended by another thread ----

CPYTHON_CASE("set_value() of another thread wakes result()",
             "test_future.test_result_with_success") {
    cf::Promise<int> promise;
    support::Gate asked;
    std::jthread other([&] {
        asked.wait();
        promise.set_value(42);
    });
    const auto future = promise.get_future();
    asked.open();
    CHECK(future.result(support::deadline(30s)) == 42);
}

CPYTHON_CASE("cancel() in another thread wakes result() with CancelledError",
             "test_future.test_result_with_cancel") {
    const cf::Promise<int> promise;
    const auto future = promise.get_future();
    support::Gate asked;
    std::jthread other([&] {
        asked.wait();
        future.cancel();
    });
    asked.open();
    CHECK_THROWS_AS(future.result(support::deadline(30s)), cf::CancelledError);
}

CPYTHON_CASE("set_exception() of another thread wakes exception()",
             "test_future.test_exception_with_success") {
    cf::Promise<int> promise;
    support::Gate asked;
    std::jthread other([&] {
        asked.wait();
        promise.set_exception(std::make_exception_ptr(std::runtime_error("from afar")));
    });
    const auto future = promise.get_future();
    asked.open();
    CHECK(message_in(future.exception(support::deadline(30s))) == "from afar");
}

// ---- ended twice ----

CPYTHON_CASE("a second set_value() is refused and the first value stays",
             "test_future.test_multiple_set_result") {
    cf::Promise<int> promise;
    promise.set_value(1);
    CHECK_THROWS_AS(promise.set_value(2), cf::InvalidStateError);
    CHECK(promise.get_future().done());
    CHECK(promise.get_future().result() == 1);
}

CPYTHON_CASE("a second set_exception() is refused and the first exception stays",
             "test_future.test_multiple_set_exception") {
    cf::Promise<int> promise;
    promise.set_exception(std::make_exception_ptr(std::invalid_argument("first")));
    CHECK_THROWS_AS(promise.set_exception(std::make_exception_ptr(std::runtime_error("second"))),
                    cf::InvalidStateError);
    CHECK(promise.get_future().done());
    CHECK(message_in(promise.get_future().exception()) == "first");
}

// ---- all at once ----

/// Everything that a future says must fit together, whatever happens meanwhile. True when it has
/// ended.
bool has_ended_soundly(const cf::Future<int>& future, std::atomic<int>& contradictions) {
    const bool was_done = future.done();
    const bool was_running = future.running();
    try {
        contradictions += future.result(0s) != 42;
        contradictions += !future.done() || future.running() || future.cancelled();
        return true;
    } catch (const cf::TimeoutError&) {
        contradictions += was_done;
        return false;
    } catch (const cf::CancelledError&) {
        contradictions += !future.cancelled() || !future.done() || future.running();
        return true;
    } catch (const std::runtime_error& error) {
        contradictions += std::string_view(error.what()) != "failed" || future.cancelled();
        contradictions += future.exception(0s) == nullptr || (was_done && was_running);
        return true;
    }
}

CPYTHON_CASE("whatever many readers see of a future at once fits together",
             "test_future.test_get_snapshot") {
    std::atomic<int> contradictions{0};
    constexpr int rounds = support::sanitized ? 100 : 400;
    for (int round = 0; round < rounds; ++round) {
        cf::Promise<int> promise;
        const auto future = promise.get_future();
        support::Gate go;
        std::vector<std::jthread> readers;
        for (int i = 0; i < 4; ++i)
            readers.emplace_back([&] {
                go.wait();
                while (!has_ended_soundly(future, contradictions)) std::this_thread::yield();
            });
        go.open();
        if (round % 3 != 0) promise.set_running_or_notify_cancel();
        if (round % 3 == 0) future.cancel();
        if (round % 3 == 1) promise.set_value(42);
        if (round % 3 == 2)
            promise.set_exception(std::make_exception_ptr(std::runtime_error("failed")));
    }
    CHECK(contradictions == 0);
    const SixStates states;
    CHECK(of_all(states, [&](const auto& future) {
              return has_ended_soundly(future, contradictions);
          }) == std::vector{false, false, true, true, true, true});
    CHECK(contradictions == 0);
}

}  // namespace
}  // namespace cpython
