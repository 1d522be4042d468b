// SPDX-License-Identifier: MIT
//
// future.cpp: the state of a task under the model checker: its end against waits, cancellation, callbacks and drops.
#include <concurrent/futures/as_completed.hpp>
#include <concurrent/futures/promise.hpp>
#include <concurrent/futures/wait.hpp>
#include <concurrent/futures/when_all.hpp>

#include <atomic>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "model/checker/checker.hpp"

namespace cf = concurrent::futures;
using namespace std::chrono_literals;
using model::expect;
using Value = model::Watched<int>;

MODEL("a result is seen by the thread that waits for it") {
    cf::Promise<Value> promise;
    std::thread other([&] { promise.set_value(1); });
    expect(promise.get_future().result().get() == 1, "the result");
    other.join();
}

MODEL("two threads wait for one result") {
    cf::Promise<Value> promise;
    const auto future = promise.get_future();
    std::thread waiter([future] { expect(future.result().get() == 1, "the result there"); });
    std::thread other([&] { promise.set_value(1); });
    expect(future.result().get() == 1, "the result here");
    waiter.join();
    other.join();
}

MODEL("a wait with a limit ends, with the result or without") {
    cf::Promise<Value> promise;
    const auto future = promise.get_future();
    std::thread other([&] { promise.set_value(1); });
    if (future.wait_for(1ms) == std::future_status::ready) expect(future.result().get() == 1, "the result");
    other.join();
    expect(future.result().get() == 1, "the result in the end");
}

MODEL("done() that is true shows the result") {
    cf::Promise<Value> promise;
    const auto future = promise.get_future();
    std::thread other([&] { promise.set_value(1); });
    if (future.done()) expect(future.result().get() == 1, "the result");
    other.join();
}

MODEL("an end races with cancel(): one of them wins, and the waiter hears of it") {
    cf::Promise<Value> promise;
    const auto future = promise.get_future();
    bool cancelled = false;
    std::thread canceller([&] { cancelled = future.cancel(); });
    std::thread other([&] {
        if (promise.set_running_or_notify_cancel()) promise.set_value(1);
    });
    bool seen = false;
    try {
        expect(future.result().get() == 1, "the result");
        seen = true;
    } catch (const cf::CancelledError&) {
    }
    canceller.join();
    other.join();
    expect(seen != cancelled, "one of them");
}

MODEL("a callback that is added while the task ends runs once and sees the result") {
    cf::Promise<Value> promise;
    const auto future = promise.get_future();
    std::atomic<int> runs{0};
    std::thread other([&] { promise.set_value(1); });
    future.add_done_callback([&](const cf::Future<Value>& done) {
        expect(done.result().get() == 1, "the result");
        ++runs;
    });
    other.join();
    expect(runs == 1, "once");
}

MODEL("two callbacks of two threads run once each") {
    cf::Promise<Value> promise;
    const auto future = promise.get_future();
    std::atomic<int> runs{0};
    const auto count = [&](const cf::Future<Value>&) { ++runs; };
    std::thread adder([&] { future.add_done_callback(count); });
    std::thread other([&] { promise.set_value(1); });
    future.add_done_callback(count);
    adder.join();
    other.join();
    expect(runs == 2, "once each");
}

MODEL("the last future is dropped while the task ends") {
    cf::Promise<Value> promise;
    std::optional<cf::Future<Value>> future(promise.get_future());
    std::thread other([mine = std::move(promise)]() mutable {
        mine.set_value(1);
        cf::Promise<Value> gone = std::move(mine);
    });
    future.reset();
    other.join();
}

MODEL("two futures are dropped at once") {
    cf::Promise<Value> promise;
    std::optional<cf::Future<Value>> one(promise.get_future()), two(one);
    promise.set_value(1);
    std::thread other([&] {
        expect(one->result().get() == 1, "the result");
        one.reset();
    });
    two.reset();
    other.join();
}

MODEL("the last future gives its value away, which another one has read") {
    cf::Promise<Value> promise;
    cf::Future<Value> one = promise.get_future();
    std::optional<cf::Future<Value>> two(one);
    promise.set_value(1);
    std::thread other([&] {
        expect(two->result().get() == 1, "the result there");
        two.reset();
    });
    expect(std::move(one).then([](Value value) { return value.get(); }).result() == 1, "the result here");
    other.join();
}

MODEL("a continuation gets the value, whenever it is added") {
    cf::Promise<Value> promise;
    std::thread other([&] { promise.set_value(1); });
    auto next = promise.get_future().then([](const Value& value) { return Value(value.get() + 1); });
    expect(next.result().get() == 2, "the next value");
    other.join();
}

MODEL("a continuation is cancelled while its task ends") {
    cf::Promise<Value> promise;
    auto next = promise.get_future().then([](const Value& value) { return value.get(); });
    bool cancelled = false;
    std::thread other([&] { cancelled = next.cancel(); });
    promise.set_value(1);
    other.join();
    expect(next.cancelled() == cancelled, "the new future says so");
    if (!cancelled) expect(next.result() == 1, "the value");
}

MODEL("a continuation is cancelled while its task ends and goes away") {
    std::optional<cf::Promise<Value>> promise(std::in_place);
    auto next = promise->get_future().then([](const Value& value) { return value.get(); });
    std::thread other([&] { next.cancel(); });
    promise->set_value(1);
    promise.reset();  // the continuation holds the last future of it
    other.join();
}

MODEL("a continuation is cancelled while the future that its function returned ends and goes away") {
    cf::Promise<Value> promise;
    std::optional<cf::Promise<Value>> inner(std::in_place);
    auto next = promise.get_future().then([&](const Value&) { return inner->get_future(); });
    promise.set_value(1);
    bool cancelled = false;
    std::thread other([&] { cancelled = next.cancel(); });
    std::thread third([&] {
        if (inner->set_running_or_notify_cancel()) inner->set_value(1);
        inner.reset();
    });
    other.join();
    third.join();
    expect(next.cancelled() == cancelled, "the new future says so");
}

MODEL("a continuation ends like the future that its function returned, though that ends meanwhile") {
    cf::Promise<int> promise, inner;
    promise.set_value(1);
    std::thread other([&] { inner.set_value(2); });
    const auto next = promise.get_future().then([&](int) { return inner.get_future(); });
    expect(next.result() == 2, "the value of the other future");
    other.join();
}

MODEL("a promise is dropped while its future is waited for") {
    std::optional<cf::Promise<Value>> promise(std::in_place);
    const auto future = promise->get_future();
    std::thread other([&] { promise.reset(); });
    try {
        static_cast<void>(future.result());
        expect(false, "there is no result");
    } catch (const cf::BrokenPromiseError&) {
    }
    other.join();
}

MODEL("wait() for the first of two that end at once") {
    cf::Promise<Value> one, two;
    const std::vector futures{one.get_future(), two.get_future()};
    std::thread first([&] { one.set_value(1); });
    std::thread second([&] { two.set_value(2); });
    const auto sets = cf::wait(futures, {.return_when = cf::ReturnWhen::first_completed});
    expect(!sets.done.empty(), "one has ended");
    for (const auto& done : sets.done) expect(done.result().get() > 0, "its result");
    first.join();
    second.join();
}

MODEL("wait() for all of two that end at once") {
    cf::Promise<Value> one, two;
    const std::vector futures{one.get_future(), two.get_future()};
    std::thread first([&] { one.set_value(1); });
    std::thread second([&] { two.set_value(2); });
    expect(cf::wait(futures).done.size() == 2, "both have ended");
    first.join();
    second.join();
}

MODEL("as_completed() gives each of two once") {
    cf::Promise<Value> one, two;
    const std::vector futures{one.get_future(), two.get_future()};
    std::thread first([&] { one.set_value(1); });
    std::thread second([&] { two.set_value(2); });
    int sum = 0;
    for (const auto& done : cf::as_completed(futures)) sum += done.result().get();
    expect(sum == 3, "each once");
    first.join();
    second.join();
}

MODEL("a range of as_completed() is dropped while futures end") {
    cf::Promise<Value> one, two;
    std::thread first([&] { one.set_value(1); });
    std::thread second;
    {
        auto range = cf::as_completed(std::vector{one.get_future(), two.get_future()});
        expect((*range.begin()).result().get() == 1, "the first");
        second = std::thread([&] { two.set_value(2); });
    }
    first.join();
    second.join();
    expect(two.get_future().result().get() == 2, "the second");
}

MODEL("when_all() of two that end at once") {
    cf::Promise<Value> one, two;
    const auto both = cf::when_all(std::vector{one.get_future(), two.get_future()});
    std::thread first([&] { one.set_value(1); });
    std::thread second([&] { two.set_value(2); });
    int sum = 0;
    for (const auto& future : both.result()) sum += future.result().get();
    expect(sum == 3, "both");
    first.join();
    second.join();
}

MODEL("when_all() hands over what was done before each end") {
    Value before_one(0), before_two(0);
    cf::Promise<int> one, two;
    const auto both = cf::when_all(std::vector{one.get_future(), two.get_future()});
    std::thread first([&] {
        before_one.set(1);
        one.set_value(1);
    });
    std::thread second([&] {
        before_two.set(2);
        two.set_value(2);
    });
    both.wait();
    expect(before_one.get() + before_two.get() == 3, "both");
    first.join();
    second.join();
}

MODEL("when_any() of two that end at once") {
    cf::Promise<Value> one, two;
    const auto any = cf::when_any(std::vector{one.get_future(), two.get_future()});
    std::thread first([&] { one.set_value(1); });
    std::thread second([&] { two.set_value(2); });
    const auto& first_of = any.result();
    expect(first_of.futures[first_of.index].result().get() > 0, "the first");
    first.join();
    second.join();
}

namespace {
/// Counts how many of its kind live.
struct Counted {
    Counted() { ++alive; }
    Counted(const Counted&) { ++alive; }
    ~Counted() { --alive; }
    static inline std::atomic<int> alive{0};
};
}  // namespace

MODEL("when_any() that starts while a part ends leaves nothing on a future that lives on") {
    cf::Promise<Counted> soon, lives_on;
    auto early = soon.get_future(), late = lives_on.get_future();
    std::thread other([&] { static_cast<void>(cf::when_any(std::move(early), std::move(late))); });
    soon.set_value(Counted());
    other.join();
    soon = {};
    // A combination keeps its futures, and so the value, as long as a part of it waits in some future's list.
    expect(Counted::alive == 0, "nothing is left");
}
