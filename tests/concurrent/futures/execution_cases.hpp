// SPDX-License-Identifier: MIT
//
// execution_cases.hpp: the tests of execution.hpp with receivers written by hand, compiled without a library of senders
// (execution.test.cpp), with stdexec (execution_stdexec.test.cpp) and with beman.execution (execution_beman.test.cpp).
// Before they include this they define StopSource, whose token the library takes.
#include <concurrent/futures/execution.hpp>
#include <concurrent/futures/inline_executor.hpp>
#include <concurrent/futures/process_pool_executor.hpp>
#include <concurrent/futures/promise.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>

#include <catch2/catch_test_macros.hpp>
#include <atomic>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "support/gate.hpp"

namespace {

namespace cf = concurrent::futures;
namespace ex = cf::senders_library;

/// How an operation completed.
template <class... Values>
struct Ending {
    std::optional<std::tuple<Values...>> values;
    std::exception_ptr error;
    bool stopped = false;
    int completions = 0;
    std::thread::id thread;
    support::Gate over;
    StopSource stop;
};

template <class... Values>
struct Receiver {
    using receiver_concept = ex::receiver_tag;
    struct Env {
        auto query(ex::get_stop_token_t) const noexcept { return ending->stop.get_token(); }
        Ending<Values...>* ending;
    };
    Env get_env() const noexcept { return {ending}; }

    template <class... Given>
    void set_value(Given&&... given) noexcept {
        ending->values.emplace(std::forward<Given>(given)...);
        complete();
    }
    void set_error(std::exception_ptr error) noexcept {
        ending->error = std::move(error);
        complete();
    }
    void set_stopped() noexcept {
        ending->stopped = true;
        complete();
    }
    void complete() noexcept {
        ++ending->completions;
        ending->thread = std::this_thread::get_id();
        ending->over.open();
    }
    Ending<Values...>* ending;
};

std::string text_of(const std::exception_ptr& error) {
    if (!error) return "";
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& caught) {
        return caught.what();
    }
}

TEST_CASE("sender_of() gives the value of a call that runs, in the thread that ends it", "[execution]") {
    cf::ThreadPoolExecutor pool(1);
    support::Gate started, may_end;
    std::thread::id worker;
    auto call = pool.submit([&] {
        worker = std::this_thread::get_id();
        started.open();
        may_end.wait();
        return 49;
    });
    Ending<int> ending;
    auto operation = ex::connect(cf::sender_of(std::move(call)), Receiver<int>{&ending});
    started.wait();
    ex::start(operation);
    CHECK(ending.completions == 0);
    may_end.open();
    ending.over.wait();
    CHECK(std::get<0>(*ending.values) == 49);
    CHECK(ending.thread == worker);
}

TEST_CASE("sender_of() of a call that has ended completes inside start()", "[execution]") {
    cf::Promise<std::string> promise;
    promise.set_value("ready");
    Ending<std::string> ending;
    auto operation = ex::connect(cf::sender_of(promise.get_future()), Receiver<std::string>{&ending});
    CHECK(ending.completions == 0);
    ex::start(operation);
    CHECK(ending.completions == 1);
    CHECK(std::get<0>(*ending.values) == "ready");
    CHECK(ending.thread == std::this_thread::get_id());
}

TEST_CASE("sender_of() gives void, references, move-only values, exceptions and cancellation", "[execution]") {
    cf::InlineExecutor pool;
    Ending<> nothing;
    auto of_void = ex::connect(cf::sender_of(pool.submit([] {})), Receiver<>{&nothing});
    ex::start(of_void);
    CHECK(nothing.values);

    int number = 3;
    Ending<int*> reference;
    struct TakesAddress : Receiver<int*> {
        void set_value(int& given) noexcept { Receiver<int*>::set_value(&given); }
    };
    auto of_reference =
        ex::connect(cf::sender_of(pool.submit([&]() -> int& { return number; })), TakesAddress{{&reference}});
    ex::start(of_reference);
    CHECK(std::get<0>(*reference.values) == &number);

    Ending<std::unique_ptr<int>> moved;
    auto of_unique = ex::connect(cf::sender_of(pool.submit([] { return std::make_unique<int>(8); })),
                                 Receiver<std::unique_ptr<int>>{&moved});
    ex::start(of_unique);
    CHECK(*std::get<0>(*moved.values) == 8);

    Ending<int> failed;
    auto of_failed = ex::connect(cf::sender_of(pool.submit([]() -> int { throw std::runtime_error("no luck"); })),
                                 Receiver<int>{&failed});
    ex::start(of_failed);
    CHECK(text_of(failed.error) == "no luck");

    cf::Promise<int> promise;
    REQUIRE(promise.get_future().cancel());
    Ending<int> cancelled;
    auto of_cancelled = ex::connect(cf::sender_of(promise.get_future()), Receiver<int>{&cancelled});
    ex::start(of_cancelled);
    CHECK(cancelled.stopped);
    CHECK(cancelled.completions == 1);
    CHECK_THROWS_AS(cf::sender_of(cf::Future<int>()), cf::InvalidStateError);
}

TEST_CASE("a sender_of() that is an lvalue can be connected twice; the second gets a copy", "[execution]") {
    cf::InlineExecutor pool;
    const auto sender = cf::sender_of(pool.submit([] { return std::string("both"); }));
    Ending<std::string> first, second;
    auto one = ex::connect(sender, Receiver<std::string>{&first});
    auto two = ex::connect(sender, Receiver<std::string>{&second});
    ex::start(one);
    ex::start(two);
    CHECK(std::get<0>(*first.values) == "both");
    CHECK(std::get<0>(*second.values) == "both");
}

TEST_CASE("a value whose copy throws is an error of sender_of()", "[execution]") {
    struct Uncopyable {
        Uncopyable() = default;
        Uncopyable(const Uncopyable&) { throw std::runtime_error("no copies"); }
        Uncopyable(Uncopyable&&) = default;
    };
    cf::InlineExecutor pool;
    const auto call = pool.submit([] { return Uncopyable(); });
    Ending<Uncopyable> ending;
    auto operation = ex::connect(cf::sender_of(call), Receiver<Uncopyable>{&ending});
    ex::start(operation);
    CHECK(text_of(ending.error) == "no copies");
    CHECK(ending.completions == 1);
}

TEST_CASE("a stop request cancels a call that has not started, before and after start()", "[execution]") {
    cf::ThreadPoolExecutor pool(1);
    support::Gate may_end;
    pool.post([&] { may_end.wait(); });
    for (const bool before : {true, false}) {
        bool ran = false;
        Ending<> ending;
        auto operation = ex::connect(cf::sender_of(pool.submit([&] { ran = true; })), Receiver<>{&ending});
        if (before) ending.stop.request_stop();
        ex::start(operation);
        ending.stop.request_stop();
        CHECK(ending.stopped);  // at once, in this thread
        CHECK(ending.completions == 1);
        CHECK(ending.thread == std::this_thread::get_id());
        CHECK(!ran);
    }
    may_end.open();
}

TEST_CASE("a stop request reaches a running call, whose value still counts", "[execution]") {
    cf::ThreadPoolExecutor pool(1);
    support::Gate started;
    auto call = pool.submit([&](std::stop_token stop) {
        started.open();
        while (!stop.stop_requested()) std::this_thread::yield();
        return 5;
    });
    Ending<int> ending;
    auto operation = ex::connect(cf::sender_of(call), Receiver<int>{&ending});
    ex::start(operation);
    started.wait();
    ending.stop.request_stop();
    ending.over.wait();
    CHECK(std::get<0>(*ending.values) == 5);
    CHECK(!ending.stopped);
}

TEST_CASE("a stop request to a call that cannot be asked to stop has no effect", "[execution]") {
    // As an MPI task that takes no stop token.
    struct Unstoppable final : cf::detail::OutcomeState<int> {
        void request_stop() override { throw std::invalid_argument("it takes no std::stop_token"); }
    };
    auto* const call = new Unstoppable;
    const auto future = cf::detail::FutureAccess::adopt<int>(call);
    Ending<int> ending;
    auto operation = ex::connect(cf::sender_of(future), Receiver<int>{&ending});
    ex::start(operation);
    ending.stop.request_stop();
    REQUIRE(call->claim());
    call->finish_and_drop_producer(call->store_result_of([] { return 7; }));
    CHECK((!ending.stopped && std::get<0>(ending.values.value()) == 7));
}

TEST_CASE("stop requests race with the ends of calls: each operation completes once", "[execution]") {
    cf::ThreadPoolExecutor pool(2);
    for (int i = 0; i < 300; ++i) {
        Ending<int> ending;
        auto operation = ex::connect(cf::sender_of(pool.submit([i] { return i; })), Receiver<int>{&ending});
        std::thread stopper([&] { ending.stop.request_stop(); });
        ex::start(operation);
        ending.over.wait();
        stopper.join();
        CHECK(ending.completions == 1);
        CHECK((ending.stopped || std::get<0>(*ending.values) == i));
    }
}

TEST_CASE("a call in a process is a sender, too", "[execution]") {
    cf::ProcessPoolExecutor pool(1);
    Ending<int> ending;
    auto operation = ex::connect(cf::sender_of(pool.submit([](int n) { return n + 1; }, 41)), Receiver<int>{&ending});
    ex::start(operation);
    ending.over.wait();
    CHECK(std::get<0>(*ending.values) == 42);
}

TEST_CASE("schedule() of a pool's scheduler completes on a worker", "[execution]") {
    cf::ThreadPoolExecutor pool(1);
    const std::thread::id worker = pool.submit([] { return std::this_thread::get_id(); }).result();
    const auto scheduler = cf::scheduler_of(pool);
    Ending<> ending;
    auto operation = ex::connect(ex::schedule(scheduler), Receiver<>{&ending});
    CHECK(ending.completions == 0);
    ex::start(operation);
    ending.over.wait();
    CHECK(ending.values);
    CHECK(ending.thread == worker);

    cf::ThreadPoolExecutor other(1);
    CHECK(scheduler == cf::scheduler_of(pool));
    CHECK(scheduler != cf::scheduler_of(other));
    CHECK(ex::schedule(scheduler).get_env().query(ex::get_completion_scheduler_t<ex::set_value_t>()) == scheduler);
    CHECK(scheduler.query(ex::get_forward_progress_guarantee_t()) == ex::forward_progress_guarantee::parallel);
}

TEST_CASE("schedule() ends stopped if a stop is requested before a worker takes it", "[execution]") {
    cf::ThreadPoolExecutor pool(1);
    Ending<> before;
    before.stop.request_stop();
    auto first = ex::connect(ex::schedule(cf::scheduler_of(pool)), Receiver<>{&before});
    ex::start(first);
    CHECK(before.stopped);

    support::Gate may_end;
    pool.post([&] { may_end.wait(); });
    Ending<> meanwhile;
    auto second = ex::connect(ex::schedule(cf::scheduler_of(pool)), Receiver<>{&meanwhile});
    ex::start(second);
    meanwhile.stop.request_stop();
    CHECK(meanwhile.completions == 0);
    may_end.open();
    meanwhile.over.wait();
    CHECK(meanwhile.stopped);
    CHECK(meanwhile.completions == 1);
}

TEST_CASE("schedule() ends stopped if the pool gives up its queue", "[execution]") {
    Ending<> ending;
    cf::ThreadPoolExecutor pool(1);
    support::Gate started, may_end;
    pool.post([&] {
        started.open();
        may_end.wait();
    });
    started.wait();
    auto operation = ex::connect(ex::schedule(cf::scheduler_of(pool)), Receiver<>{&ending});
    ex::start(operation);
    pool.shutdown({.wait = false, .cancel_futures = true});
    ending.over.wait();
    CHECK(ending.stopped);
    CHECK(ending.completions == 1);
    may_end.open();
}

TEST_CASE("schedule() gives the error of a pool that takes no calls", "[execution]") {
    cf::ThreadPoolExecutor pool(1);
    pool.shutdown();
    Ending<> ending;
    auto operation = ex::connect(ex::schedule(cf::scheduler_of(pool)), Receiver<>{&ending});
    ex::start(operation);
    CHECK_THROWS_AS(std::rethrow_exception(ending.error), cf::ShutdownError);
    CHECK(ending.completions == 1);
}

/// Another pool that destroys what it is given.
struct ForgetfulPool : cf::InlineExecutor {
    template <class Function>
    void post(Function&& function) {
        const auto forgotten = std::forward<Function>(function);
    }
};

TEST_CASE("schedule() ends stopped if the pool destroys the call inside post()", "[execution]") {
    ForgetfulPool pool;
    Ending<> ending;
    auto operation = ex::connect(cf::detail::PoolScheduler<ForgetfulPool>(pool).schedule(), Receiver<>{&ending});
    ex::start(operation);
    CHECK(ending.stopped);
    CHECK(ending.completions == 1);
}

TEST_CASE("an operation may be destroyed in its completion, also inside start()", "[execution]") {
    cf::InlineExecutor pool;
    Ending<> ending;
    struct Destroying : Receiver<> {
        void set_value() noexcept {
            const auto kept = *this;
            kept.free_operation(kept.slot);
            Receiver<>(kept).set_value();
        }
        void (*free_operation)(void*);
        void* slot;
    };
    using Fragile = decltype(ex::connect(ex::schedule(cf::scheduler_of(pool)), std::declval<Destroying>()));
    std::unique_ptr<Fragile> slot;
    const auto free_operation = [](void* place) { static_cast<std::unique_ptr<Fragile>*>(place)->reset(); };
    slot.reset(new Fragile(pool, Destroying{{&ending}, free_operation, &slot}));
    ex::start(*slot);
    CHECK(!slot);
    CHECK(ending.values);
}

}  // namespace
