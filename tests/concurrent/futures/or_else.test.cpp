// SPDX-License-Identifier: MIT
#include <concurrent/futures/or_else.hpp>
#include <concurrent/futures/promise.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>

#include <catch2/catch_test_macros.hpp>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>

namespace cf = concurrent::futures;

namespace {

int fail() { throw std::runtime_error("expected"); }

TEST_CASE("or_else() passes a value through and calls nothing", "[or_else]") {
    cf::Promise<int> promise;
    bool called = false;
    const auto result = cf::or_else(promise.get_future(), [&](std::exception_ptr) { return called = true, 1; });
    CHECK(!result.done());
    promise.set_value(7);
    CHECK(result.result() == 7);
    CHECK(!called);
}

TEST_CASE("or_else() gives what its function makes of the exception", "[or_else]") {
    cf::ThreadPoolExecutor pool(1);
    const auto result = cf::or_else(pool.submit(fail), [](std::exception_ptr error) {
        try {
            std::rethrow_exception(error);
        } catch (const std::runtime_error& known) {
            return static_cast<int>(std::string(known.what()).size());
        }
    });
    CHECK(result.result() == 8);
    const auto other = cf::or_else(pool.submit(fail), [](std::exception_ptr) -> int { throw std::logic_error("worse"); });
    CHECK_THROWS_AS(other.result(), std::logic_error);
    int calls = 0;
    cf::or_else(pool.submit([] { fail(); }), [&](std::exception_ptr) { ++calls; }).result();
    CHECK(calls == 1);
}

TEST_CASE("or_else() is not for cancelled futures", "[or_else]") {
    cf::Promise<int> promise;
    auto future = promise.get_future();
    const auto result = cf::or_else(future, [](std::exception_ptr) { return 1; });
    CHECK(future.cancel());
    CHECK_THROWS_AS(result.result(), cf::CancelledError);
}

TEST_CASE("when_done() calls its function with the future, whatever became of it", "[or_else]") {
    cf::ThreadPoolExecutor pool(1);
    const auto describe = [](const cf::Future<int>& done) -> std::string {
        return done.cancelled() ? "cancelled" : done.exception() ? "failed" : std::to_string(done.result());
    };
    CHECK(cf::when_done(pool.submit([] { return 5; }), describe).result() == "5");
    CHECK(cf::when_done(pool.submit(fail), describe).result() == "failed");
    cf::Promise<int> promise;
    auto future = promise.get_future();
    const auto told = cf::when_done(future, describe);
    future.cancel();
    CHECK(told.result() == "cancelled");
    // A type that is only moved.
    cf::Promise<std::unique_ptr<int>> pointer;
    const auto value = cf::when_done(pointer.get_future(), [](const cf::Future<std::unique_ptr<int>>& done) { return *done.result(); });
    pointer.set_value(std::make_unique<int>(3));
    CHECK(value.result() == 3);
}

TEST_CASE("a cancelled continuation does not run, and its task goes on", "[or_else]") {
    cf::Promise<int> promise;
    bool called = false;
    auto told = cf::when_done(promise.get_future(), [&](const cf::Future<int>&) { called = true; });
    CHECK(told.cancel());
    promise.set_value(1);
    CHECK(!called);
    CHECK(promise.get_future().result() == 1);
}

TEST_CASE("a cancelled continuation lets go of what its function holds, though its task goes on", "[or_else]") {
    cf::Promise<int> promise;
    const auto held = std::make_shared<int>(1);
    auto told = cf::when_done(promise.get_future(), [held](const cf::Future<int>&) { return *held; });
    auto value = cf::or_else(promise.get_future(), [held](std::exception_ptr) { return *held; });
    CHECK(held.use_count() == 3);
    CHECK(told.cancel());
    CHECK(value.cancel());
    CHECK(held.use_count() == 1);
    promise.set_value(1);
}

}  // namespace
