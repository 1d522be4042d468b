// SPDX-License-Identifier: MIT
#include <concurrent/futures/promise.hpp>

#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/gate.hpp"

namespace {

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

const std::exception_ptr some_error = std::make_exception_ptr(std::runtime_error("some"));

TEST_CASE("a promise gives as many futures as wanted, all of one call", "[promise]") {
    cf::Promise<int> promise;
    const auto first = promise.get_future(), second = promise.get_future();
    CHECK(first == second);
    CHECK_FALSE(first.done());
    promise.set_value(5);
    CHECK(first.result() == 5);
    CHECK(promise.get_future().result() == 5);
}

TEST_CASE("set_running_or_notify_cancel() starts a call once", "[promise]") {
    cf::Promise<int> promise;
    const auto future = promise.get_future();
    CHECK_FALSE(future.running());
    CHECK(promise.set_running_or_notify_cancel());
    CHECK(future.running());
    CHECK_FALSE(future.cancel());
    CHECK_THROWS_AS(promise.set_running_or_notify_cancel(), cf::InvalidStateError);
    promise.set_value(1);
    CHECK_FALSE(future.running());
    CHECK_THROWS_AS(promise.set_running_or_notify_cancel(), cf::InvalidStateError);
}

TEST_CASE("set_running_or_notify_cancel() tells of a cancelled call", "[promise]") {
    cf::Promise<int> promise;
    CHECK(promise.get_future().cancel());
    CHECK_FALSE(promise.set_running_or_notify_cancel());
    CHECK_THROWS_AS(promise.set_value(1), cf::InvalidStateError);
    CHECK_THROWS_AS(promise.set_exception(some_error), cf::InvalidStateError);
    CHECK(promise.get_future().cancelled());
}

TEST_CASE("a second outcome is refused and the first stays", "[promise]") {
    cf::Promise<int> promise;
    const auto future = promise.get_future();
    SECTION("after a value") {
        promise.set_value(1);
        CHECK_THROWS_AS(promise.set_value(2), cf::InvalidStateError);
        CHECK_THROWS_AS(promise.set_exception(some_error), cf::InvalidStateError);
        CHECK(future.result() == 1);
    }
    SECTION("after an exception") {
        promise.set_exception(some_error);
        CHECK_THROWS_AS(promise.set_value(2), cf::InvalidStateError);
        CHECK_THROWS_AS(promise.set_exception(std::make_exception_ptr(1)), cf::InvalidStateError);
        CHECK(future.exception() == some_error);
    }
}

TEST_CASE("a promise that is dropped leaves BrokenPromiseError", "[promise]") {
    std::optional<cf::Promise<int>> promise(std::in_place);
    const auto future = promise->get_future();
    int told = 0;
    future.add_done_callback([&](const cf::Future<int>&) { ++told; });
    SECTION("before it started") {}
    SECTION("after it started") { CHECK(promise->set_running_or_notify_cancel()); }
    promise.reset();
    CHECK_THROWS_AS(future.result(), cf::BrokenPromiseError);
    CHECK(told == 1);
}

TEST_CASE("a promise that is dropped after its end changes nothing", "[promise]") {
    std::optional<cf::Promise<int>> promise(std::in_place);
    const auto future = promise->get_future();
    promise->set_value(3);
    promise.reset();
    CHECK(future.result() == 3);
}

TEST_CASE("a promise moves, and its old object can do nothing more", "[promise]") {
    cf::Promise<int> promise;
    const auto future = promise.get_future();
    cf::Promise<int> other(std::move(promise));
    CHECK_THROWS_AS(promise.get_future(), cf::InvalidStateError);  // NOLINT
    CHECK_THROWS_AS(promise.set_value(1), cf::InvalidStateError);
    CHECK_THROWS_AS(promise.set_running_or_notify_cancel(), cf::InvalidStateError);
    other.set_value(2);
    CHECK(future.result() == 2);

    cf::Promise<int> overwritten;
    const auto lost = overwritten.get_future();
    overwritten = cf::Promise<int>();
    CHECK_THROWS_AS(lost.result(), cf::BrokenPromiseError);
}

TEST_CASE("a null exception is refused", "[promise]") {
    cf::Promise<int> promise;
    CHECK_THROWS_AS(promise.set_exception(nullptr), cf::InvalidStateError);
    promise.set_value(1);
    CHECK(promise.get_future().result() == 1);
}

TEST_CASE("set_value() makes the value in place from any arguments", "[promise]") {
    cf::Promise<std::string> text;
    text.set_value(3u, 'x');
    CHECK(text.get_future().result() == "xxx");
    cf::Promise<std::unique_ptr<int>> box;
    box.set_value(std::make_unique<int>(4));
    CHECK(*box.get_future().result() == 4);
    cf::Promise<void> nothing;
    nothing.set_value();
    nothing.get_future().result();
    int target = 0;
    cf::Promise<int&> reference;
    reference.set_value(target);
    CHECK(&reference.get_future().result() == &target);
}

TEST_CASE("when making the value throws the future gets that", "[promise]") {
    struct Picky {
        explicit Picky(int n) {
            if (n < 0) throw std::domain_error("too little");
        }
    };
    cf::Promise<Picky> promise;
    promise.set_value(-1);
    CHECK_THROWS_AS(promise.get_future().result(), std::domain_error);
}

TEST_CASE("a value set in one thread wakes the one that waits", "[promise]") {
    cf::Promise<std::string> promise;
    std::string seen;
    {
        support::Gate asked;
        const std::jthread waiter([&, future = promise.get_future()] {
            asked.open();
            seen = future.result();
        });
        asked.wait();
        promise.set_value("from afar");
    }
    CHECK(seen == "from afar");
}

TEST_CASE("an exception set in one thread wakes the one that waits", "[promise]") {
    cf::Promise<int> promise;
    std::exception_ptr seen;
    {
        support::Gate asked;
        const std::jthread waiter([&, future = promise.get_future()] {
            asked.open();
            seen = future.exception();
        });
        asked.wait();
        promise.set_exception(some_error);
    }
    CHECK(seen == some_error);
}

TEST_CASE("of threads that race to fulfil a promise exactly one wins", "[promise]") {
    for (int round = 0; round < 500; ++round) {
        cf::Promise<int> promise;
        std::vector<int> won(3, 0);
        {
            std::vector<std::jthread> threads;
            for (std::size_t t = 0; t < won.size(); ++t)
                threads.emplace_back([&promise, &mine = won[t], t] {
                    try {
                        promise.set_value(static_cast<int>(t));
                        mine = 1;
                    } catch (const cf::InvalidStateError&) {
                    }
                });
        }
        REQUIRE(won[0] + won[1] + won[2] == 1);
        REQUIRE(won[static_cast<std::size_t>(promise.get_future().result())] == 1);
    }
}

}  // namespace
