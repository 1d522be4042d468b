// SPDX-License-Identifier: MIT
#include <concurrent/futures/future.hpp>
#include <concurrent/futures/inline_executor.hpp>
#include <concurrent/futures/promise.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/deadline.hpp"
#include "support/gate.hpp"

namespace {

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

constexpr int long_chain = support::sanitized ? 100'000 : 1'000'000;

template <class T>
cf::Future<T> finished(T value) {
    cf::Promise<T> promise;
    promise.set_value(std::move(value));
    return promise.get_future();
}
template <class T>
cf::Future<T> failed(const char* why) {
    cf::Promise<T> promise;
    promise.set_exception(std::make_exception_ptr(std::runtime_error(why)));
    return promise.get_future();
}
template <class T>
cf::Future<T> cancelled() {
    const cf::Promise<T> promise;
    const auto future = promise.get_future();
    future.cancel();
    return future;
}
template <class T>
std::string message_of(const cf::Future<T>& future) {
    try {
        std::rethrow_exception(future.exception());
    } catch (const std::exception& error) {
        return error.what();
    }
}
int plus_one(int n) { return n + 1; }

/// Counts the copies and moves of its value.
struct Counted {
    struct Log {
        int copies = 0, moves = 0;
    };
    Log* log;
    explicit Counted(Log& l) : log(&l) {}
    Counted(const Counted& other) : log(other.log) { ++log->copies; }
    Counted(Counted&& other) noexcept : log(other.log) { ++log->moves; }
    Counted& operator=(const Counted&) = delete;
    ~Counted() = default;
};

// ---- values ----

TEST_CASE("then() of a done future calls the function at once", "[then]") {
    const auto future = finished(1);
    const cf::Future<int> next = future.then(plus_one);
    CHECK(next.done());
    CHECK(next.result() == 2);
    CHECK(future.valid());
    CHECK(future.result() == 1);
}

TEST_CASE("then() of a pending future calls the function in the thread that ends the call", "[then]") {
    cf::Promise<int> promise;
    std::thread::id ran_in;
    const auto next = promise.get_future().then([&](int n) {
        ran_in = std::this_thread::get_id();
        return std::to_string(n);
    });
    CHECK_FALSE(next.done());
    CHECK_FALSE(next.running());
    std::thread other([&] { promise.set_value(7); });
    const auto other_id = other.get_id();
    CHECK(next.result() == "7");
    other.join();
    CHECK(ran_in == other_id);
}

TEST_CASE("then() of an rvalue empties the future, of an lvalue does not", "[then]") {
    auto future = finished(std::string("text"));
    CHECK(future.then(&std::string::size).result() == 4);
    CHECK(future.valid());
    CHECK(std::move(future).then(&std::string::size).result() == 4);
    CHECK_FALSE(future.valid());  // NOLINT
    CHECK_THROWS_AS(future.then(&std::string::size), cf::InvalidStateError);
    CHECK_THROWS_AS(cf::Future<int>().then(plus_one), cf::InvalidStateError);
}

TEST_CASE("a function may take and give nothing", "[then]") {
    cf::Promise<void> promise;
    int calls = 0;
    const cf::Future<void> next = promise.get_future().then([&] { ++calls; }).then([&] { ++calls; });
    CHECK(calls == 0);
    promise.set_value();
    next.result();
    CHECK(calls == 2);
    CHECK(finished(3).then([](int) {}).then([] { return 4; }).result() == 4);
}

TEST_CASE("a reference goes through as a reference", "[then]") {
    int number = 1;
    cf::Promise<int&> promise;
    const auto next = promise.get_future().then([](int& n) -> int& { return ++n; });
    promise.set_value(number);
    static_assert(std::is_same_v<decltype(next), const cf::Future<int&>>);
    CHECK(&next.result() == &number);
    CHECK(number == 2);
}

TEST_CASE("a part of the value comes as a value", "[then]") {
    struct Person {
        std::string name;
        std::unique_ptr<int> age{};
    };
    const std::string name = "somebody with a name too long for a small string";
    const auto next = finished(Person{name}).then(&Person::name);
    static_assert(std::is_same_v<decltype(next), const cf::Future<std::string>>);
    CHECK(next.result() == name);
    const auto moved = finished(std::string(name)).then([](std::string&& n) -> std::string&& { return std::move(n); });
    CHECK(moved.result() == name);
}

TEST_CASE("a move-only value is moved on", "[then]") {
    cf::Promise<std::unique_ptr<int>> promise;
    auto next = promise.get_future().then([](std::unique_ptr<int> p) {
        ++*p;
        return p;
    });
    promise.set_value(std::make_unique<int>(1));
    CHECK(*std::move(next).then([](std::unique_ptr<int> p) { return p; }).result() == 2);
    CHECK(finished(std::make_unique<int>(5)).then([](const std::unique_ptr<int>& p) { return *p; }).result() == 5);
}

TEST_CASE("the last handle's value is moved into the function, a shared one is copied", "[then]") {
    Counted::Log log;
    {
        cf::Promise<Counted> promise;
        const auto next = promise.get_future().then([](Counted) {});
        promise.set_value(log);
        next.result();
        CHECK(log.copies == 0);
        CHECK(log.moves == 1);
    }
    log = {};
    cf::Promise<Counted> promise;
    const auto future = promise.get_future();
    const auto next = future.then([](Counted) {});
    const auto looks = future.then([](const Counted&) {});
    promise.set_value(log);
    next.result();
    looks.result();
    CHECK(log.copies == 1);
    CHECK(log.moves == 0);
}

TEST_CASE("a function that can be called only as an rvalue, and a move-only one, will do", "[then]") {
    struct Once {
        std::unique_ptr<int> kept = std::make_unique<int>(40);
        int operator()(int n) && { return *kept + n; }
    };
    CHECK(finished(2).then(Once()).result() == 42);
}

TEST_CASE("the function and what it holds are gone before the new future is done", "[then]") {
    cf::Promise<int> promise;
    auto held = std::make_shared<int>(1);
    const std::weak_ptr<int> watch = held;
    const auto next = promise.get_future().then([kept = std::move(held)](int n) { return n + *kept; });
    bool gone = false;
    next.add_done_callback([&](const cf::Future<int>&) { gone = watch.expired(); });
    promise.set_value(1);
    CHECK(next.result() == 2);
    CHECK(gone);
}

// ---- errors and cancellation ----

TEST_CASE("a failure passes by the functions into the new future, the same object", "[then]") {
    int calls = 0;
    const auto first = failed<int>("no luck");
    const auto last = first.then([&](int n) { return ++calls + n; }).then([&](int) { ++calls; });
    CHECK(calls == 0);
    CHECK(message_of(last) == "no luck");
    CHECK(last.exception() == first.exception());
}

TEST_CASE("what the function throws is the failure of the new future", "[then]") {
    const auto next = finished(1).then([](int) -> int { throw std::logic_error("function"); });
    CHECK_THROWS_AS(next.result(), std::logic_error);
    const auto unwrapping = finished(1).then([](int) -> cf::Future<int> { throw std::logic_error("function"); });
    CHECK_THROWS_AS(unwrapping.result(), std::logic_error);
}

TEST_CASE("cancellation passes by the functions into the new future", "[then]") {
    int calls = 0;
    const auto next = cancelled<int>().then([&](int n) { return ++calls + n; });
    CHECK(next.cancelled());
    cf::Promise<int> promise;
    const auto parent = promise.get_future();
    const auto last = parent.then(plus_one).then([&](int) { ++calls; });
    CHECK(parent.cancel());
    CHECK(last.cancelled());
    CHECK_THROWS_AS(last.result(), cf::CancelledError);
    CHECK(calls == 0);
}

TEST_CASE("cancelling the new future does not cancel the call, and the function never runs", "[then]") {
    int calls = 0;
    cf::Promise<int> promise;
    const auto parent = promise.get_future();
    const auto next = parent.then([&](int) { ++calls; });
    const auto after = next.then([&] { ++calls; });
    CHECK(next.cancel());
    CHECK(next.cancel());
    CHECK(after.cancelled());
    CHECK_FALSE(parent.cancelled());
    promise.set_value(1);
    CHECK(parent.result() == 1);
    CHECK(calls == 0);
    CHECK_FALSE(finished(1).then(plus_one).cancel());
}

TEST_CASE("a promise that is dropped breaks the whole chain", "[then]") {
    std::optional<cf::Promise<int>> promise(std::in_place);
    const auto last = promise->get_future().then(plus_one).then(plus_one);
    promise.reset();
    CHECK_THROWS_AS(last.result(), cf::BrokenPromiseError);
}

// ---- futures of futures ----

TEST_CASE("a future that the function returns is unwrapped", "[then]") {
    cf::Promise<std::string> inner;
    const auto next = finished(1).then([&](int) { return inner.get_future(); });
    static_assert(std::is_same_v<decltype(next), const cf::Future<std::string>>);
    CHECK(next.running());
    inner.set_value("inner");
    CHECK(next.result() == "inner");
    CHECK(finished(1).then([](int n) { return finished(n + 1); }).result() == 2);
    CHECK(*finished(1).then([](int n) { return finished(std::make_unique<int>(n)); }).result() == 1);
}

TEST_CASE("a returned future that fails or is cancelled ends the new one so", "[then]") {
    CHECK(message_of(finished(1).then([](int) { return failed<int>("inner"); })) == "inner");
    CHECK(finished(1).then([](int) { return cancelled<int>(); }).cancelled());
    cf::Promise<void> inner;
    const auto next = finished(1).then([&](int) { return inner.get_future(); });
    inner.set_exception(std::make_exception_ptr(std::runtime_error("later")));
    CHECK(message_of(next) == "later");
}

TEST_CASE("a function that returns an empty future is told so", "[then]") {
    const auto next = finished(1).then([](int) { return cf::Future<int>(); });
    CHECK_THROWS_AS(next.result(), cf::InvalidStateError);
}

TEST_CASE("cancelling the new future cancels the returned one that is pending", "[then]") {
    cf::Promise<int> inner;
    const auto kept = inner.get_future();
    const auto next = finished(1).then([&](int) { return kept; });
    CHECK(next.cancel());
    CHECK(kept.cancelled());
    CHECK(next.cancelled());
    // One that runs goes on.
    cf::Promise<int> running;
    REQUIRE(running.set_running_or_notify_cancel());
    const auto other = finished(1).then([&](int) { return running.get_future(); });
    CHECK_FALSE(other.cancel());
    running.set_value(3);
    CHECK(other.result() == 3);
}

// ---- order, depth, races ----

TEST_CASE("functions and callbacks run in the order they were added", "[then]") {
    std::vector<int> order;
    cf::Promise<int> promise;
    const auto future = promise.get_future();
    future.add_done_callback([&](const cf::Future<int>&) { order.push_back(1); });
    const auto second = future.then([&](int) { order.push_back(2); });
    future.add_done_callback([&](const cf::Future<int>&) { order.push_back(3); });
    const auto fourth = future.then([&](int) { order.push_back(4); });
    promise.set_value(0);
    CHECK(order == std::vector{1, 2, 3, 4});
}

cf::Future<int> chain_on(cf::Future<int> last, int links) {
    for (int i = 0; i < links; ++i) last = std::move(last).then(plus_one);
    return last;
}

TEST_CASE("a chain of a million links does not recurse", "[then]") {
    cf::Promise<int> promise;
    const auto last = chain_on(promise.get_future(), long_chain);
    promise.set_value(0);
    CHECK(last.result() == long_chain);
    CHECK(chain_on(finished(0), long_chain).result() == long_chain);
}

TEST_CASE("a chain of a million links breaks, fails and is cancelled without recursion", "[then]") {
    std::optional<cf::Promise<int>> promise(std::in_place);
    auto last = chain_on(promise->get_future(), long_chain);
    promise.reset();
    CHECK_THROWS_AS(last.result(), cf::BrokenPromiseError);

    promise.emplace();
    const auto first = promise->get_future();
    last = chain_on(first, long_chain);
    first.cancel();
    CHECK(last.cancelled());
}

TEST_CASE("a long chain of futures that each return a future does not recurse", "[then]") {
    cf::Promise<int> promise;
    auto last = promise.get_future();
    for (int i = 0; i < long_chain / 10; ++i)
        last = std::move(last).then([](int n) { return finished(n + 1); });
    promise.set_value(0);
    CHECK(last.result() == long_chain / 10);
}

TEST_CASE("a worker that waits for the end of a long chain does not recurse", "[then]") {
    cf::ThreadPoolExecutor pool(1);
    const auto outer = pool.submit([&] {
        const auto last = chain_on(pool.submit([] { return 0; }), long_chain);
        return last.result();
    });
    CHECK(outer.result() == long_chain);
}

TEST_CASE("adding a function races with the end of the call", "[then]") {
    for (int round = 0; round < 500; ++round) {
        cf::Promise<int> promise;
        const auto future = promise.get_future();
        std::thread ends([&] { promise.set_value(round); });
        const auto next = future.then(plus_one);
        const auto third = future.then([](int n) { return finished(n + 2); });
        CHECK(next.result() == round + 1);
        CHECK(third.result() == round + 2);
        ends.join();
    }
}

TEST_CASE("cancelling races with the end of the call, and one of them wins", "[then]") {
    for (int round = 0; round < 500; ++round) {
        cf::Promise<int> promise;
        int calls = 0;
        const auto next = promise.get_future().then([&](int n) { return ++calls + n; });
        bool was_cancelled = false;
        std::thread cancels([&] { was_cancelled = next.cancel(); });
        promise.set_value(0);
        cancels.join();
        next.wait();
        CHECK(next.cancelled() == was_cancelled);
        CHECK(calls == (was_cancelled ? 0 : 1));
    }
}

// ---- on an executor ----

TEST_CASE("then(executor, f) calls the function on the executor", "[then]") {
    cf::ThreadPoolExecutor pool(1);
    const auto worker = pool.submit([] { return std::this_thread::get_id(); }).result();
    cf::Promise<int> promise;
    std::thread::id ran_in;
    const cf::Future<int> next = promise.get_future().then(pool, [&](int n) {
        ran_in = std::this_thread::get_id();
        return n + 1;
    });
    promise.set_value(1);
    CHECK(next.result() == 2);
    CHECK(ran_in == worker);

    cf::InlineExecutor here;
    CHECK(finished(1).then(here, plus_one).then(pool, plus_one).result() == 3);
    CHECK(here.stats().completed == 1);
}

TEST_CASE("then(executor, f) takes void, reference and move-only values", "[then]") {
    cf::ThreadPoolExecutor pool(1);
    CHECK(pool.submit([] {}).then(pool, [] { return 1; }).result() == 1);
    int number = 1;
    const auto reference = pool.submit([&]() -> int& { return number; });
    CHECK(reference.then(pool, [](int n) { return n + 1; }).result() == 2);
    CHECK(pool.submit([] { return std::make_unique<int>(3); })
              .then(pool, [](std::unique_ptr<int> p) { return *p; })
              .result() == 3);
    CHECK(finished(1).then(pool, [](int) {}).then(pool, [] { return 2; }).result() == 2);
    CHECK(finished(1).then(pool, [once = std::make_unique<int>(2)](int n) { return n + *once; }).result() == 3);
}

TEST_CASE("then(executor, f) of the last handle moves the value, without a copy", "[then]") {
    Counted::Log log;
    cf::ThreadPoolExecutor pool(1);
    cf::Promise<Counted> promise;
    auto next = promise.get_future().then(pool, [](const Counted&) {});
    promise.set_value(log);
    next.result();
    CHECK(log.copies == 0);
}

TEST_CASE("then(executor, f) unwraps, and errors and cancellation flow through", "[then]") {
    cf::ThreadPoolExecutor pool(1);
    CHECK(finished(1).then(pool, [&](int n) { return pool.submit(plus_one, n); }).result() == 2);
    CHECK(message_of(failed<int>("before").then(pool, plus_one)) == "before");
    CHECK(cancelled<int>().then(pool, plus_one).cancelled());
    const auto throws = finished(1).then(pool, [](int) -> int { throw std::logic_error("on the pool"); });
    CHECK(message_of(throws) == "on the pool");
}

TEST_CASE("then(executor, f) on an executor that was shut down ends with its ShutdownError", "[then]") {
    cf::ThreadPoolExecutor pool(1);
    cf::InlineExecutor here;
    cf::Promise<int> promise;
    const auto next = promise.get_future().then(pool, plus_one);
    pool.shutdown();
    here.shutdown();
    promise.set_value(1);
    CHECK_THROWS_AS(next.result(), cf::ShutdownError);
    CHECK_THROWS_AS(finished(1).then(here, plus_one).result(), cf::ShutdownError);
}

TEST_CASE("cancelling a future of then(executor, f) cancels the queued call", "[then]") {
    support::Gate busy, may_end;
    cf::ThreadPoolExecutor pool(1);
    const auto blocker = pool.submit([&] {
        busy.open();
        may_end.wait();
    });
    busy.wait();
    bool ran = false;
    const auto next = finished(1).then(pool, [&](int) { ran = true; });
    CHECK(next.cancel());
    CHECK(next.cancelled());
    may_end.open();
    pool.shutdown();
    CHECK_FALSE(ran);
    CHECK(pool.stats().cancelled == 1);
}

// ---- nested waits ----

TEST_CASE("the one worker of a pool may wait for what follows a call of its pool", "[then]") {
    cf::ThreadPoolExecutor pool(1);
    CHECK(pool.submit([&] { return pool.submit([] { return 1; }).then(plus_one).result(); }).result() == 2);
    CHECK(pool.submit([&] { return pool.submit([] { return 1; }).then(pool, plus_one).result(); }).result() == 2);
    CHECK(pool.submit([&] {
                  return pool.submit([] { return 1; })
                      .then(pool, plus_one)
                      .then([&](int n) { return pool.submit(plus_one, n); })
                      .then(pool, plus_one)
                      .result();
              })
              .result() == 4);
}

TEST_CASE("the one worker of a pool may wait for a call that a promise of another thread will submit",
          "[then]") {
    cf::ThreadPoolExecutor pool(1);
    cf::Promise<int> promise;
    support::Gate waiting;
    const auto outer = pool.submit([&] {
        const auto next = promise.get_future().then(pool, plus_one);
        waiting.open();
        return next.result();
    });
    waiting.wait();
    promise.set_value(1);
    CHECK(outer.result() == 2);
}

TEST_CASE("a function may submit to its pool and wait, also for what follows that call", "[then]") {
    cf::ThreadPoolExecutor pool(1);
    const auto next = pool.submit([] { return 1; }).then([&](int n) {
        const int same = pool.submit([n] { return n; }).result();
        return pool.submit([same] { return same; }).then(plus_one).result();
    });
    CHECK(next.result() == 2);
}

TEST_CASE("a function may wait for a chain that it sets off itself", "[then]") {
    cf::Promise<int> outer;
    const auto last = outer.get_future().then([](int n) {
        cf::Promise<int> inner;
        const auto chained = inner.get_future().then(plus_one).then(plus_one);
        inner.set_value(n);
        return chained.result();
    });
    outer.set_value(1);
    CHECK(last.result() == 3);
}

TEST_CASE("what a function promises to others is told before that returns", "[then]") {
    cf::Promise<int> outer, inner;
    std::vector<int> order;
    const auto chained = inner.get_future().then([&](int n) { order.push_back(n); }).then([&] { order.push_back(3); });
    const auto last = outer.get_future().then([&](int n) {
        order.push_back(n);
        inner.set_value(2);
        order.push_back(4);
    });
    outer.set_value(1);
    CHECK(order == std::vector<int>{1, 2, 3, 4});
}

TEST_CASE("first runs what a function has set off, then the next function of the same call", "[then]") {
    cf::Promise<int> start;
    std::vector<int> order;
    const auto note = [&](int n) { return [&order, n](int value) { order.push_back(n); return value; }; };
    const auto first = start.get_future().then(note(1));
    const auto below = first.then(note(2)).then(note(3));
    const auto also_below = first.then(note(4));
    const auto second = start.get_future().then(note(5));
    start.set_value(0);
    CHECK(order == std::vector<int>{1, 2, 3, 4, 5});
}

TEST_CASE("promises that are fulfilled in functions of each other do not recurse without end", "[then]") {
    const auto count = static_cast<std::size_t>(long_chain);
    std::vector<cf::Promise<int>> promises(count);
    std::vector<cf::Future<int>> ends;
    for (std::size_t i = 0; i + 1 < count; ++i)
        ends.push_back(promises[i].get_future().then([&promises, i](int n) {
            promises[i + 1].set_value(n + 1);
            return n;
        }));
    promises[0].set_value(0);
    CHECK(promises.back().get_future().result() == static_cast<int>(count) - 1);
}

TEST_CASE("where promises are fulfilled deep in functions of each other, each may be waited for", "[then]") {
    constexpr std::size_t count = 200;
    std::vector<cf::Promise<int>> promises(count);
    std::vector<cf::Future<int>> ends;
    for (std::size_t i = 0; i < count; ++i)
        ends.push_back(promises[i].get_future().then([&promises, &ends, i](int n) {
            if (i + 1 == count) return n;
            promises[i + 1].set_value(n + 1);
            return ends[i + 1].result();
        }));
    promises[0].set_value(0);
    CHECK(ends[0].result() == static_cast<int>(count) - 1);
}

TEST_CASE("a cancelled function lets go of what it holds, and its call forgets it", "[then]") {
    cf::Promise<int> promise;
    const auto kept = std::make_shared<int>(1);
    const auto future = promise.get_future();
    const auto next = future.then([kept](int n) { return n; });
    const auto last = next.then([kept](int n) { return n; });
    CHECK(kept.use_count() == 3);
    CHECK(next.cancel());
    CHECK(last.cancelled());
    CHECK(kept.use_count() == 1);
    for (int i = 0; i < 1000; ++i) CHECK(future.then([kept](int n) { return n; }).cancel());
    CHECK(kept.use_count() == 1);
    promise.set_value(1);
    CHECK(next.cancelled());
}

TEST_CASE("many functions of one call may wait for chains of their own without nesting", "[then]") {
    cf::Promise<int> start, outer;
    std::vector<cf::Future<int>> all;
    const auto common = start.get_future().then([&](int n) {
        outer.set_value(n);
    });
    const int count = long_chain / 20;
    for (int i = 0; i < count; ++i)
        all.push_back(outer.get_future().then([](int n) {
            cf::Promise<int> inner;
            const auto chained = inner.get_future().then(plus_one);
            inner.set_value(n);
            return chained.result();
        }));
    start.set_value(1);
    common.result();
    int sum = 0;
    for (const auto& future : all) sum += future.result();
    CHECK(sum == 2 * count);
}

TEST_CASE("a continuation that was cancelled keeps nothing of its parent", "[then]") {
    std::weak_ptr<int> left;
    cf::Future<void> cancelled_one;
    {
        cf::Promise<std::shared_ptr<int>> promise;
        cancelled_one = promise.get_future().then([](const std::shared_ptr<int>&) {});
        CHECK(cancelled_one.cancel());
        auto value = std::make_shared<int>(0);
        left = value;
        promise.set_value(std::move(value));
    }
    CHECK(left.expired());
    CHECK(cancelled_one.cancelled());
}

TEST_CASE("a future that a continuation has returned keeps its value for others that hold it", "[then]") {
    cf::Promise<std::string> promise;
    const auto inner = promise.get_future();
    const auto outer = finished(1).then([&](int) { return inner; });
    promise.set_value("a value that is too long for a small string");
    CHECK(outer.result() == "a value that is too long for a small string");
    CHECK(inner.result() == outer.result());
    const auto late = finished(1).then([&](int) { return inner; });  // it is done already
    CHECK(late.result() == inner.result());
    CHECK(inner.result() == outer.result());
}

}  // namespace
