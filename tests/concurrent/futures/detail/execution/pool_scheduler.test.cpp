// SPDX-License-Identifier: MIT
//
// The operation that puts a receiver on a pool, and what becomes of it when the pool does not run it. With a library of
// senders: execution_stdexec.test.cpp, execution_beman.test.cpp.
#include <concurrent/futures/execution.hpp>
#include <concurrent/futures/inline_executor.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>

#include <catch2/catch_test_macros.hpp>
#include <exception>
#include <stop_token>
#include <string>
#include <utility>

namespace {

namespace cf = concurrent::futures;
namespace ex = cf::senders_library;
using cf::detail::PoolScheduler;
using cf::detail::StartingOperation;

#if !defined(__cpp_lib_senders)  // else the receiver would need a token of std::execution
struct Receiver {
    using receiver_concept = ex::receiver_tag;
    struct Env {
        std::stop_token query(ex::get_stop_token_t) const noexcept { return stop; }
        std::stop_token stop;
    };
    Env get_env() const noexcept { return {stop}; }
    void set_value() noexcept { *told += "value"; }
    void set_error(std::exception_ptr) noexcept { *told += "error"; }
    void set_stopped() noexcept { *told += "stopped"; }
    std::string* told;
    std::stop_token stop{};
};

template <class Pool>
std::string ending_of(Pool& pool, std::stop_token stop = {}) {
    std::string told;
    {
        auto operation = PoolScheduler<Pool>(pool).schedule().connect(Receiver{&told, std::move(stop)});
        operation.start();
        if constexpr (requires { pool.wait_idle(); }) pool.wait_idle();
    }
    return told;
}

TEST_CASE("an operation completes on the pool, or as stopped or failed, exactly once", "[pool_scheduler]") {
    cf::InlineExecutor here;
    cf::ThreadPoolExecutor pool(1);
    CHECK(ending_of(here) == "value");
    CHECK(ending_of(pool) == "value");
    std::stop_source stop;
    stop.request_stop();
    CHECK(ending_of(pool, stop.get_token()) == "stopped");
    pool.shutdown();
    CHECK(ending_of(pool) == "error");
}

TEST_CASE("an operation that the pool gives up completes as stopped", "[pool_scheduler]") {
    std::string told;
    cf::ThreadPoolExecutor pool(1);
    pool.pause();
    auto operation = PoolScheduler<cf::ThreadPoolExecutor>(pool).schedule().connect(Receiver{&told});
    operation.start();
    CHECK(told.empty());
    pool.cancel_pending();
    CHECK(told == "stopped");
}

/// Destroys what it is given.
struct Refusing {
    template <class Call>
    void post(Call call) {
        const Call given_up(std::move(call));
    }
};

TEST_CASE("an operation that the pool gives up at once completes as stopped, once", "[pool_scheduler]") {
    Refusing pool;
    CHECK(ending_of(pool) == "stopped");
}

TEST_CASE("schedulers of one pool are equal", "[pool_scheduler]") {
    cf::ThreadPoolExecutor one(1), other(1);
    using Scheduler = PoolScheduler<cf::ThreadPoolExecutor>;
    CHECK(Scheduler(one) == Scheduler(one));
    CHECK(!(Scheduler(one) == Scheduler(other)));
    CHECK(&Scheduler(one).pool() == &one);
}
#endif

TEST_CASE("only the start of the same operation takes it back", "[pool_scheduler]") {
    const int outer = 0, inner = 0;
    CHECK(!StartingOperation::take_back(&outer));
    const StartingOperation first(&outer);
    {
        const StartingOperation second(&inner);
        CHECK(!StartingOperation::take_back(&outer));
        CHECK(StartingOperation::take_back(&inner));
        CHECK(second.taken_back());
    }
    CHECK(!first.taken_back());
    CHECK(StartingOperation::take_back(&outer));
    CHECK(first.taken_back());
}

}  // namespace
