// SPDX-License-Identifier: MIT
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/deferred.hpp>
#include <asio/io_context.hpp>
#include <asio/strand.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>

namespace net = asio;

#include "asio_cases.hpp"

namespace {

TEST_CASE("async_result_of() takes deferred: it starts when it is called with a handler", "[asio]") {
    net::io_context context;
    cf::ThreadPoolExecutor pool(1);
    auto operation = cf::async_result_of(pool.submit(square, 6), net::experimental::deferred);
    int value = 0;
    std::move(operation)(net::bind_executor(context, [&](std::exception_ptr, int n) { value = n; }));
    context.run();
    CHECK(value == 36);
}

/// A handler that can be cancelled.
template <class Handler>
auto cancellable(net::io_context& context, net::cancellation_signal& signal, Handler handler) {
    return net::bind_cancellation_slot(signal.slot(), net::bind_executor(context, std::move(handler)));
}

TEST_CASE("cancelling the operation cancels a call that has not started", "[asio]") {
    net::io_context context;
    cf::ThreadPoolExecutor pool(1);
    support::Gate may_end;
    const auto busy = pool.submit([&] { may_end.wait(); });
    const auto queued = pool.submit(square, 3);
    for (const auto type : {net::cancellation_type::total, net::cancellation_type::terminal}) {
        net::cancellation_signal signal;
        const auto call = pool.submit(square, 3);
        int calls = 0;
        bool emitting = false;
        cf::async_result_of(call, cancellable(context, signal, [&](std::exception_ptr error, int) {
            CHECK(!emitting);
            CHECK_THROWS_AS(std::rethrow_exception(error), cf::CancelledError);
            CHECK(!signal.slot().has_handler());
            ++calls;
        }));
        CHECK(signal.slot().has_handler());
        net::post(context, [&, type] {
            emitting = true;
            signal.emit(type);
            emitting = false;
        });
        context.run();
        context.restart();
        CHECK(calls == 1);
        CHECK(call.cancelled());
    }
    may_end.open();
    CHECK(queued.result() == 9);
    busy.result();
}

TEST_CASE("cancelling the operation asks a running call to stop; total alone leaves it running", "[asio]") {
    net::io_context context;
    cf::ThreadPoolExecutor pool(1);
    net::cancellation_signal signal;
    support::Gate started;
    std::atomic<bool> stop_seen_after_total = false;
    const auto call = pool.submit([&](std::stop_token stop) {
        started.open();
        support::Gate stopped;
        const std::stop_callback on_stop(stop, [&] { stopped.open(); });
        stopped.wait();
        return 1;
    });
    started.wait();
    int value = 0;
    cf::async_result_of(call, cancellable(context, signal, [&](std::exception_ptr error, int n) {
        CHECK(!error);  // it stopped by returning
        value = n;
    }));
    net::post(context, [&] {
        signal.emit(net::cancellation_type::total);
        stop_seen_after_total = call.done();
        signal.emit(net::cancellation_type::terminal);
    });
    context.run();
    CHECK(!stop_seen_after_total);
    CHECK(value == 1);
}

TEST_CASE("a signal that outlives its operation, or is never used, keeps nothing", "[asio]") {
    const auto token = std::make_shared<int>(1);
    net::cancellation_signal signal;
    cf::Promise<int> promise;
    {
        net::io_context context;
        cf::async_result_of(promise.get_future(), cancellable(context, signal, [token](std::exception_ptr, int) {}));
        promise.set_value(1);
    }
    CHECK(token.use_count() == 1);
    signal.emit(net::cancellation_type::terminal);
}

}  // namespace
