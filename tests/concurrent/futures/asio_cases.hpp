// SPDX-License-Identifier: MIT
//
// asio_cases.hpp: the tests of asio.hpp, compiled with standalone Asio (asio.test.cpp) and with Boost.Asio
// (asio_boost.test.cpp), which name it `net` before they include this.
#include <concurrent/futures/asio.hpp>
#include <concurrent/futures/promise.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>

#include <catch2/catch_test_macros.hpp>
#include <atomic>
#include <chrono>
#include <exception>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/gate.hpp"

namespace {

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

int square(int n) {
    if (n < 0) throw std::domain_error("negative");
    return n * n;
}

std::string text_of(std::exception_ptr error) {
    if (!error) return "";
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& caught) {
        return caught.what();
    }
}

TEST_CASE("async_result_of() calls a handler with the value, in a thread that runs its io_context", "[asio]") {
    net::io_context context;
    cf::ThreadPoolExecutor pool(2);
    std::optional<int> value;
    std::thread::id thread;
    cf::async_result_of(pool.submit(square, 7), net::bind_executor(context, [&](std::exception_ptr error, int result) {
        CHECK(!error);
        value = result;
        thread = std::this_thread::get_id();
    }));
    CHECK(!value);
    context.run();  // there is work until the call has ended
    CHECK(value == 49);
    CHECK(thread == std::this_thread::get_id());
}

TEST_CASE("a handler of async_result_of() is never called inside it, also when the call has ended", "[asio]") {
    net::io_context context;
    cf::Promise<int> promise;
    promise.set_value(3);
    bool inside = true;
    int calls = 0;
    net::post(context, [&] {
        cf::async_result_of(promise.get_future(), net::bind_executor(context, [&](std::exception_ptr, int value) {
            CHECK(!inside);
            CHECK(value == 3);
            ++calls;
        }));
        inside = false;
    });
    context.run();
    CHECK(calls == 1);
}

TEST_CASE("async_result_of() gives exceptions, cancellation, void and move-only values", "[asio]") {
    net::io_context context;
    cf::ThreadPoolExecutor pool(1);
    int calls = 0;
    cf::async_result_of(pool.submit(square, -1), net::bind_executor(context, [&](std::exception_ptr error, int value) {
        CHECK(text_of(error) == "negative");
        CHECK(value == 0);
        ++calls;
    }));
    cf::async_result_of(pool.submit([] {}), net::bind_executor(context, [&](std::exception_ptr error) {
        CHECK(!error);
        ++calls;
    }));
    cf::async_result_of(pool.submit([] { return std::make_unique<int>(5); }),
                        net::bind_executor(context, [&](std::exception_ptr error, std::unique_ptr<int> value) {
        CHECK(!error);
        CHECK(*value == 5);
        ++calls;
    }));
    cf::Promise<int> promise;
    const cf::Future<int> cancelled = promise.get_future();
    cf::async_result_of(cancelled, net::bind_executor(context, [&](std::exception_ptr error, int) {
        CHECK_THROWS_AS(std::rethrow_exception(error), cf::CancelledError);
        ++calls;
    }));
    CHECK(cancelled.cancel());
    context.run();
    CHECK(calls == 4);
}

struct Counted {
    Counted() = default;
    Counted(const Counted& other) : copies(other.copies + 1) {}
    Counted(Counted&&) = default;
    Counted& operator=(const Counted&) = default;
    Counted& operator=(Counted&&) = default;
    int copies = 0;
};

TEST_CASE("async_result_of() moves the value out of the last handle, and copies it beside others", "[asio]") {
    net::io_context context;
    cf::ThreadPoolExecutor pool(1);
    std::vector<int> copies;
    const auto handler = [&] {
        return net::bind_executor(context, [&](std::exception_ptr, Counted value) { copies.push_back(value.copies); });
    };
    cf::async_result_of(pool.submit([] { return Counted(); }), handler());
    context.run();
    context.restart();
    const auto kept = pool.submit([] { return Counted(); });
    cf::async_result_of(kept, handler());
    context.run();
    CHECK(copies == std::vector{0, 1});
    CHECK(kept.result().copies == 0);
}

TEST_CASE("a handler without an executor is called where the call ends, and what it throws is reported", "[asio]") {
    std::promise<std::string> reported;
    cf::ThreadPoolExecutor pool({.max_workers = 1, .on_unhandled_exception = [&](std::exception_ptr error) {
                                     reported.set_value(text_of(error));
                                 }});
    support::Gate may_end;
    cf::async_result_of(pool.submit([&] {
        may_end.wait();
        return std::this_thread::get_id();
    }), [](std::exception_ptr, std::thread::id thread) {
        CHECK(thread == std::this_thread::get_id());
        throw std::domain_error("from the handler");
    });
    may_end.open();
    const std::string text = reported.get_future().get();  // not inside CHECK, while the handler checks
    CHECK(text == "from the handler");
}

TEST_CASE("async_result_of() takes use_future and detached", "[asio]") {
    cf::ThreadPoolExecutor pool(1);
    // For calls that have ended before, Asio would start threads of its own that stay until the program ends.
    support::Gate all_wait;
    const auto busy = pool.submit([&] { all_wait.wait(); });
    std::future<int> value = cf::async_result_of(pool.submit(square, 4), net::use_future);
    std::future<void> nothing = cf::async_result_of(pool.submit([] {}), net::use_future);
    std::future<int> error = cf::async_result_of(pool.submit(square, -4), net::use_future);
    cf::async_result_of(pool.submit(square, 4), net::detached);
    all_wait.open();
    CHECK(value.get() == 16);
    nothing.get();
    CHECK_THROWS_AS(error.get(), std::domain_error);
}

// Asio 1.22 and Boost 1.74 do not know that clang has coroutines with libstdc++.
#if defined(ASIO_HAS_CO_AWAIT) || defined(BOOST_ASIO_HAS_CO_AWAIT)
TEST_CASE("co_await async_result_of() gives the value or throws, where the coroutine runs", "[asio]") {
    net::io_context context;
    cf::ThreadPoolExecutor pool(2);
    int steps = 0;
    const auto coroutine = [&]() -> net::awaitable<void> {
        const auto here = std::this_thread::get_id();
        CHECK(co_await cf::async_result_of(pool.submit(square, 9), net::use_awaitable) == 81);
        CHECK(std::this_thread::get_id() == here);
        ++steps;
        bool thrown = false;
        try {
            co_await cf::async_result_of(pool.submit(square, -9), net::use_awaitable);
        } catch (const std::domain_error&) {
            thrown = true;
        }
        CHECK(thrown);
        CHECK(std::this_thread::get_id() == here);
        co_await cf::async_result_of(pool.submit([] {}), net::use_awaitable);
        ++steps;
    };
    net::co_spawn(context, coroutine(), net::detached);
    context.run();
    CHECK(steps == 2);
}
#endif

TEST_CASE("an operation that is dropped with its io_context leaves nothing behind", "[asio]") {
    const auto token = std::make_shared<int>(1);
    cf::Promise<int> promise;
    {
        net::io_context context;
        cf::async_result_of(promise.get_future(), net::bind_executor(context, [token](std::exception_ptr, int) {}));
        promise.set_value(1);  // posts to the context, which nobody runs
    }
    CHECK(token.use_count() == 1);
}

TEST_CASE("async_result_of() refuses an empty future at once", "[asio]") {
    CHECK_THROWS_AS(cf::async_result_of(cf::Future<int>(), net::detached), cf::InvalidStateError);
}

// ---- asio_executor ------------------------------------------------------------------------------
using PoolExecutor = decltype(cf::asio_executor(std::declval<cf::ThreadPoolExecutor&>()));

TEST_CASE("asio_executor() is an executor with the properties that Asio asks for", "[asio]") {
    namespace execution = net::execution;
    STATIC_REQUIRE(execution::is_executor<PoolExecutor>::value);
    STATIC_REQUIRE(net::can_require<PoolExecutor, execution::blocking_t::never_t>::value);
    STATIC_REQUIRE(net::can_require<PoolExecutor, execution::blocking_t::possibly_t>::value);
    STATIC_REQUIRE(!net::can_require<PoolExecutor, execution::blocking_t::always_t>::value);
    STATIC_REQUIRE(net::can_require<PoolExecutor, execution::relationship_t::fork_t>::value);
    STATIC_REQUIRE(net::can_require<PoolExecutor, execution::relationship_t::continuation_t>::value);
    STATIC_REQUIRE(!net::can_require<PoolExecutor, execution::outstanding_work_t::tracked_t>::value);
    STATIC_REQUIRE(net::can_prefer<PoolExecutor, execution::outstanding_work_t::tracked_t>::value);
    STATIC_REQUIRE(net::can_query<PoolExecutor, execution::context_t>::value);
    STATIC_REQUIRE(std::is_convertible_v<PoolExecutor, net::any_io_executor>);
    STATIC_REQUIRE(std::is_nothrow_copy_constructible_v<PoolExecutor>);

    cf::ThreadPoolExecutor pool(3), other(1);
    const auto executor = cf::asio_executor(pool);
    CHECK(executor == cf::asio_executor(pool));
    CHECK(executor != cf::asio_executor(other));
    CHECK(net::query(executor, execution::blocking) == execution::blocking.never);
    const auto possibly = net::require(executor, execution::blocking.possibly);
    CHECK(net::query(possibly, execution::blocking) == execution::blocking.possibly);
    CHECK(net::require(possibly, execution::blocking.never) == executor);
    CHECK(net::query(executor, execution::relationship) == execution::relationship.fork);
    CHECK(net::query(net::require(executor, execution::relationship.continuation), execution::relationship) ==
          execution::relationship.continuation);
    CHECK(net::query(net::prefer(executor, execution::outstanding_work.tracked), execution::outstanding_work) ==
          execution::outstanding_work.untracked);
    CHECK(net::query(executor, execution::mapping) == execution::mapping.thread);
    CHECK(net::query(executor, execution::occupancy) == 3);
    const net::any_io_executor any = executor;
    CHECK(&net::query(any, execution::context) == &net::query(executor, execution::context));
    CHECK(any == net::any_io_executor(cf::asio_executor(pool)));
}

TEST_CASE("post, dispatch, strands and any_io_executor run on the pool's workers", "[asio]") {
    cf::ThreadPoolExecutor pool({.max_workers = 2, .thread_name_prefix = "asio"});
    const auto main_thread = std::this_thread::get_id();
    const auto executor = cf::asio_executor(pool);
    const net::any_io_executor any = executor;
    std::promise<std::thread::id> posted, dispatched, erased;
    net::post(executor, [&] { posted.set_value(std::this_thread::get_id()); });
    net::dispatch(executor, [&] { dispatched.set_value(std::this_thread::get_id()); });
    net::post(any, [&] { erased.set_value(std::this_thread::get_id()); });
    CHECK(posted.get_future().get() != main_thread);
    CHECK(dispatched.get_future().get() != main_thread);
    CHECK(erased.get_future().get() != main_thread);

    auto strand = net::make_strand(executor);
    int unguarded = 0;
    std::promise<void> done;
    for (int i = 0; i < 1000; ++i)
        net::post(strand, [&] {
            if (++unguarded == 1000) done.set_value();
        });
    done.get_future().get();
    CHECK(unguarded == 1000);
}

TEST_CASE("dispatch from a function of the pool runs in place, post does not", "[asio]") {
    cf::ThreadPoolExecutor pool(1), other(1);
    std::promise<std::string> order;
    net::post(cf::asio_executor(pool), [&] {
        std::string text = "a";
        net::dispatch(cf::asio_executor(pool), [&] { text += "b"; });
        const std::string now = text;
        net::post(cf::asio_executor(pool), [&order, now] { order.set_value(now); });
    });
    CHECK(order.get_future().get() == "ab");
    // Of another pool it is not in place.
    std::promise<bool> elsewhere;
    net::post(cf::asio_executor(pool), [&] {
        net::dispatch(cf::asio_executor(other), [&, here = std::this_thread::get_id()] {
            elsewhere.set_value(std::this_thread::get_id() != here);
        });
    });
    CHECK(elsewhere.get_future().get());
}

#if defined(ASIO_HAS_CO_AWAIT) || defined(BOOST_ASIO_HAS_CO_AWAIT)
TEST_CASE("coroutines run on a pool's workers, and come back to them", "[asio]") {
    cf::ThreadPoolExecutor pool(2), helpers(1);
    const auto main_thread = std::this_thread::get_id();
    const auto coroutine = [&]() -> net::awaitable<int> {
        CHECK(std::this_thread::get_id() != main_thread);
        const auto helper = co_await cf::async_result_of(helpers.submit([] { return std::this_thread::get_id(); }),
                                                         net::use_awaitable);
        CHECK(std::this_thread::get_id() != main_thread);
        CHECK(std::this_thread::get_id() != helper);
        co_return 5;
    };
    std::promise<int> result;
    net::co_spawn(cf::asio_executor(pool), coroutine(), [&](std::exception_ptr, int n) { result.set_value(n); });
    const int five = result.get_future().get();  // not inside CHECK, while the coroutine checks
    CHECK(five == 5);
}
#endif

TEST_CASE("what a posted function throws goes to the pool's hook, and posting after shutdown throws", "[asio]") {
    std::promise<std::string> reported;
    cf::ThreadPoolExecutor pool({.max_workers = 1, .on_unhandled_exception = [&](std::exception_ptr error) {
                                     reported.set_value(text_of(error));
                                 }});
    net::post(cf::asio_executor(pool), [] { throw std::domain_error("posted"); });
    CHECK(reported.get_future().get() == "posted");
    pool.shutdown();
    CHECK_THROWS_AS(net::post(cf::asio_executor(pool), [] {}), cf::ShutdownError);
}

TEST_CASE("many operations from many threads each complete once", "[asio]") {
    net::io_context context;
    cf::ThreadPoolExecutor pool(4);
    auto work = net::make_work_guard(context);
    std::vector<std::thread> runners;
    for (int i = 0; i < 3; ++i) runners.emplace_back([&] { context.run(); });
    std::atomic<int> completed = 0;
    std::atomic<long> sum = 0;
    for (int i = 0; i < 3000; ++i)
        net::post(context, [&, i] {
            cf::async_result_of(pool.submit(square, i % 10), net::bind_executor(context, [&](std::exception_ptr, int n) {
                sum += n;
                ++completed;
            }));
        });
    work.reset();
    for (std::thread& runner : runners) runner.join();
    CHECK(completed == 3000);
    CHECK(sum == 300 * 285);
}

}  // namespace
