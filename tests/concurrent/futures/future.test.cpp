// SPDX-License-Identifier: MIT
#include <concurrent/futures/future.hpp>
#include <concurrent/futures/promise.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "support/gate.hpp"

namespace {

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

template <class T>
cf::Future<std::decay_t<T>> finished(T&& value) {
    cf::Promise<std::decay_t<T>> promise;
    promise.set_value(std::forward<T>(value));
    return promise.get_future();
}

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

TEST_CASE("an empty future says so to every question", "[future]") {
    const cf::Future<int> empty;
    CHECK_FALSE(empty.valid());
    CHECK_THROWS_AS(empty.done(), cf::InvalidStateError);
    CHECK_THROWS_AS(empty.running(), cf::InvalidStateError);
    CHECK_THROWS_AS(empty.cancelled(), cf::InvalidStateError);
    CHECK_THROWS_AS(empty.result(), cf::InvalidStateError);
    CHECK_THROWS_AS(empty.result(1s), cf::InvalidStateError);
    CHECK_THROWS_AS(cf::Future<int>().result(), cf::InvalidStateError);
    CHECK_THROWS_AS(empty.exception(), cf::InvalidStateError);
    CHECK_THROWS_AS(empty.wait(), cf::InvalidStateError);
    CHECK_THROWS_AS(empty.wait_for(0s), cf::InvalidStateError);
    CHECK_THROWS_AS(empty.cancel(), cf::InvalidStateError);
    CHECK_THROWS_AS(empty.request_stop(), cf::InvalidStateError);
    CHECK_THROWS_AS(empty.add_done_callback([](const cf::Future<int>&) {}), cf::InvalidStateError);
    CHECK(empty == cf::Future<int>());
    std::ostringstream text;
    text << empty;
    CHECK(text.str() == "<Future: empty>");
}

TEST_CASE("a moved-from future is empty", "[future]") {
    auto future = finished(1);
    const cf::Future<int> other = std::move(future);
    CHECK_FALSE(future.valid());  // NOLINT
    CHECK(other.result() == 1);
    auto& alias = future;
    future = other;
    future = alias;  // to itself
    CHECK(future.result() == 1);
}

TEST_CASE("result() of an lvalue refers to the value that all futures share", "[future]") {
    const auto future = finished(std::string("shared"));
    const auto copy = future;
    CHECK(&future.result() == &copy.result());
    CHECK(&future.result(1s) == &future.get());
}

TEST_CASE("result() of the last rvalue moves the value out, once, and copies nothing", "[future]") {
    Counted::Log log;
    cf::Promise<Counted> promise;
    auto future = promise.get_future();
    promise.set_value(log);
    {
        [[maybe_unused]] const Counted taken = std::move(future).result();
        CHECK(log.moves == 1);
        CHECK(log.copies == 0);
    }
    CHECK_FALSE(future.valid());  // NOLINT
}

TEST_CASE("result() of an rvalue copies while others hold the call", "[future]") {
    auto future = finished(std::string("a text that is long enough for the heap"));
    const auto other = future;
    CHECK(std::move(future).result() == "a text that is long enough for the heap");
    CHECK(other.result() == "a text that is long enough for the heap");
}

TEST_CASE("result() of an rvalue copies while a callback has yet to see the value", "[future]") {
    std::string seen;
    support::Gate may_end, in_callback, taken;
    cf::ThreadPoolExecutor pool(1);
    auto future = pool.submit([&] {
        may_end.wait();
        return std::string("a text that is long enough for the heap");
    });
    future.add_done_callback([&](const cf::Future<std::string>&) {
        in_callback.open();
        taken.wait();
    });
    future.add_done_callback([&](const cf::Future<std::string>& f) { seen = f.result(); });
    may_end.open();
    in_callback.wait();
    CHECK(std::move(future).result() == "a text that is long enough for the heap");
    taken.open();
    pool.shutdown();
    CHECK(seen == "a text that is long enough for the heap");
}

TEST_CASE("result() of an rvalue takes what cannot be copied, whoever else holds it", "[future]") {
    auto future = finished(std::make_unique<int>(6));
    const auto other = future;
    const std::unique_ptr<int> box = std::move(future).result();
    CHECK(*box == 6);
    CHECK(other.result() == nullptr);
}

TEST_CASE("result() of an rvalue leaves the future as it was when it throws", "[future]") {
    cf::Promise<int> promise;
    auto future = promise.get_future();
    CHECK_THROWS_AS(std::move(future).result(0s), cf::TimeoutError);
    REQUIRE(future.valid());  // NOLINT
    promise.set_exception(std::make_exception_ptr(std::domain_error("no")));
    CHECK_THROWS_AS(std::move(future).result(), std::domain_error);
    CHECK(future.valid());
}

TEST_CASE("references stay references", "[future]") {
    int target = 1;
    cf::ThreadPoolExecutor pool(1);
    const cf::Future<int&> future = pool.submit([&]() -> int& { return target; });
    future.result() = 5;
    CHECK(target == 5);
    cf::Future<const int&> constant = pool.submit([&]() -> const int& { return target; });
    CHECK(&constant.result() == &target);
    CHECK(&std::move(constant).result() == &target);
}

TEST_CASE("values that need no default constructor, copy or move", "[future]") {
    struct Fixed {
        const int value;
        explicit Fixed(int v) : value(v) {}
        Fixed(const Fixed&) = delete;
        Fixed& operator=(const Fixed&) = delete;
        ~Fixed() = default;
    };
    cf::ThreadPoolExecutor pool(1);
    const auto future = pool.submit([] { return Fixed(8); });
    CHECK(future.result().value == 8);
}

TEST_CASE("a value that must be aligned is", "[future]") {
    struct alignas(256) Wide {
        std::array<std::uint64_t, 32> words;
    };
    cf::ThreadPoolExecutor pool(1);
    for (int i = 0; i < 20; ++i) {
        const auto future = pool.submit([] { return Wide{{1, 2, 3}}; });
        CHECK(reinterpret_cast<std::uintptr_t>(&future.result()) % 256 == 0);
        CHECK(future.result().words[2] == 3);
    }
    const auto uses = pool.submit([wide = Wide{{4}}] {
        return reinterpret_cast<std::uintptr_t>(&wide) % 256 == 0 && wide.words[0] == 4;
    });
    CHECK(uses.result());
}

TEST_CASE("a value whose move throws ends the call with that exception", "[future]") {
    struct Heavy {
        Heavy() = default;
        Heavy(Heavy&&) { throw std::runtime_error("too heavy"); }
        Heavy(const Heavy&) { throw std::runtime_error("too heavy to copy"); }
        Heavy& operator=(const Heavy&) = delete;
        ~Heavy() = default;
    };
    cf::Promise<Heavy> promise;
    promise.set_value(Heavy());
    CHECK_THROWS_AS(promise.get_future().result(), std::runtime_error);

    cf::ThreadPoolExecutor pool(1);
    auto future = pool.submit([] { return Heavy(); });  // made in place: nothing moves
    CHECK(future.exception() == nullptr);
    CHECK_THROWS_AS(std::move(future).result(), std::runtime_error);
    CHECK(pool.submit([] { return 1; }).result() == 1);
}

TEST_CASE("a megabyte in a value survives", "[future]") {
    // Not 1 << 20: from there on UndefinedBehaviorSanitizer takes a base class for a wrong one.
    using Megabyte = std::array<unsigned char, 1'000'000>;
    cf::ThreadPoolExecutor pool(2);
    std::vector<cf::Future<Megabyte>> futures;
    for (int i = 0; i < 4; ++i)
        futures.push_back(pool.submit([i] {
            auto block = std::make_unique<Megabyte>();
            block->fill(static_cast<unsigned char>(i));
            return *block;
        }));
    for (std::size_t i = 0; i < futures.size(); ++i) {
        CHECK(futures[i].result().front() == i);
        CHECK(futures[i].result().back() == i);
    }
}

TEST_CASE("falsy and odd things that are thrown arrive all the same", "[future]") {
    cf::ThreadPoolExecutor pool(1);
    CHECK_THROWS_AS(pool.submit([]() -> int { throw 0; }).result(), int);
    CHECK_THROWS_AS(pool.submit([]() -> int { throw nullptr; }).result(), std::nullptr_t);
    CHECK_THROWS_AS(pool.submit([]() -> int { throw std::runtime_error(""); }).result(),
                    std::runtime_error);
    CHECK_THROWS_AS(pool.submit([] { throw std::string("text"); }).result(), std::string);
}

TEST_CASE("the callable and its arguments are destroyed before the call has ended", "[future]") {
    cf::ThreadPoolExecutor pool(1);
    auto in_callable = std::make_shared<int>(1), in_argument = std::make_shared<int>(2);
    const std::weak_ptr<int> callable = in_callable, argument = in_argument;
    bool gone_in_callback = false;
    support::Gate may_end;
    const auto future = pool.submit(
        [&may_end, held = std::move(in_callable)](const std::shared_ptr<int>&) { may_end.wait(); },
        std::move(in_argument));
    future.add_done_callback([&](const cf::Future<void>&) {
        gone_in_callback = callable.expired() && argument.expired();
    });
    CHECK_FALSE(callable.expired());
    may_end.open();
    future.result();
    CHECK(callable.expired());
    CHECK(argument.expired());
    pool.shutdown();
    CHECK(gone_in_callback);
}

TEST_CASE("cancel() destroys the callable", "[future]") {
    cf::ThreadPoolExecutor pool(1);
    support::Gate go_on;
    const auto blocker = pool.submit([&] { go_on.wait(); });
    auto held = std::make_shared<int>(1);
    const std::weak_ptr<int> seen = held;
    const auto future = pool.submit([h = std::move(held)] { return *h; });
    CHECK(future.cancel());
    CHECK(seen.expired());
    go_on.open();
}

TEST_CASE("the value lives as long as a future of it, and no longer", "[future]") {
    auto value = std::make_shared<int>(1);
    const std::weak_ptr<int> seen = value;
    cf::Future<std::shared_ptr<int>> kept;
    {
        cf::ThreadPoolExecutor pool(1);
        kept = pool.submit([v = std::move(value)]() mutable { return std::move(v); });
        CHECK(*kept.result() == 1);
    }
    CHECK_FALSE(seen.expired());
    kept = {};
    CHECK(seen.expired());
}

TEST_CASE("a callback and what it holds go away after it has run", "[future]") {
    auto held = std::make_shared<int>(1);
    const std::weak_ptr<int> seen = held;
    cf::Promise<int> promise;
    const auto future = promise.get_future();
    future.add_done_callback([h = std::move(held)](const cf::Future<int>&) {});
    CHECK_FALSE(seen.expired());
    promise.set_value(1);
    CHECK(seen.expired());
}

TEST_CASE("callbacks do not keep a call alive for ever", "[future]") {
    auto value = std::make_shared<int>(1);
    const std::weak_ptr<int> seen = value;
    {
        cf::Promise<std::shared_ptr<int>> promise;
        promise.get_future().add_done_callback([](const cf::Future<std::shared_ptr<int>>&) {});
        promise.set_value(std::move(value));
    }
    CHECK(seen.expired());
}

TEST_CASE("a callback may let go of the future it was added to", "[future]") {
    cf::Promise<int> promise;
    auto future = std::make_unique<cf::Future<int>>(promise.get_future());
    promise.set_value(1);
    { const cf::Promise<int> gone = std::move(promise); }
    int seen = 0;
    auto& object = *future;
    object.add_done_callback([&](cf::Future<int> f) {
        future.reset();
        seen = std::move(f).result();
        throw std::runtime_error("expected: thrown by the last holder");
    });
    CHECK(seen == 1);
    CHECK_FALSE(future);
}

TEST_CASE("callbacks may be member functions and move-only", "[future]") {
    struct Listener {
        int heard = 0;
        void hear(const cf::Future<int>& f) { heard += f.result(); }
    };
    Listener listener;
    cf::Promise<int> promise;
    promise.get_future().add_done_callback(std::bind_front(&Listener::hear, &listener));
    promise.get_future().add_done_callback(
        [&, box = std::make_unique<int>(10)](const cf::Future<int>& f) {
            listener.heard += *box * f.result();
        });
    promise.set_value(3);
    CHECK(listener.heard == 33);
}

TEST_CASE("a callback added by a callback runs too", "[future]") {
    cf::Promise<int> promise;
    std::vector<int> order;
    promise.get_future().add_done_callback([&](const cf::Future<int>& f) {
        order.push_back(1);
        f.add_done_callback([&](const cf::Future<int>&) { order.push_back(2); });
    });
    promise.get_future().add_done_callback([&](const cf::Future<int>&) { order.push_back(3); });
    promise.set_value(0);
    CHECK(order == std::vector<int>{1, 2, 3});
}

TEST_CASE("wait_for() and wait_until() say whether the call has ended", "[future]") {
    cf::Promise<int> promise;
    const auto future = promise.get_future();
    CHECK(future.wait_for(1ms) == std::future_status::timeout);
    CHECK(future.wait_until(std::chrono::steady_clock::now()) == std::future_status::timeout);
    CHECK(future.wait_until(std::chrono::system_clock::now() - 1h) == std::future_status::timeout);
    promise.set_value(1);
    CHECK(future.wait_for(-1h) == std::future_status::ready);
    CHECK(future.wait_until(std::chrono::steady_clock::time_point::min() + 1000000h) ==
          std::future_status::ready);
}

TEST_CASE("a limit longer than the clock can count is no limit", "[future]") {
    cf::Promise<int> promise;
    const auto future = promise.get_future();
    int result = 0;
    {
        support::Gate asked;
        const std::jthread waiter([&] {
            asked.open();
            result = future.result(std::chrono::hours::max());
        });
        asked.wait();
        promise.set_value(4);
    }
    CHECK(result == 4);
    CHECK(future.result(std::chrono::duration<double>::max()) == 4);
}

TEST_CASE("futures can be keys of a map", "[future]") {
    std::unordered_map<cf::Future<int>, std::string> names;
    const auto one = finished(1), two = finished(2);
    names[one] = "one";
    names[two] = "two";
    names[cf::Future<int>()] = "none";
    CHECK(names.size() == 3);
    CHECK(names.at(one) == "one");
    CHECK(names.at(cf::Future<int>()) == "none");
}

TEST_CASE("a failed future is printed with the type it failed with", "[future]") {
    cf::Promise<int> promise;
    std::ostringstream text;
    promise.set_exception(std::make_exception_ptr(42));
    text << promise.get_future();
    CHECK(text.str() == "<Future: finished raised int>");
}

}  // namespace
