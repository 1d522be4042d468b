// SPDX-License-Identifier: MIT
#include <concurrent/futures/any_executor.hpp>
#include <concurrent/futures/inline_executor.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <chrono>
#include <exception>
#include <future>
#include <limits>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace cf = concurrent::futures;

namespace {

static_assert(cf::Executor<cf::AnyExecutor>);

int square(int n) { return n * n; }
int fail() { throw std::runtime_error("expected"); }

/// A function that is compiled once.
int sum_of_squares(cf::AnyExecutor pool) {
    int sum = 0;
    for (const int y : pool.map(square, std::vector{1, 2, 3})) sum += y;
    return sum + pool.submit(square, 4).result();
}

/// The only worker of `pool` stays in a task until this goes.
class Busy {
  public:
    explicit Busy(cf::ThreadPoolExecutor& pool)
        : task_(pool.submit([open = gate_.get_future().share(), this] {
              started_.set_value();
              open.wait();
          })) {
        started_.get_future().wait();
    }
    ~Busy() { open(); }
    void open() {
        if (!std::exchange(opened_, true)) gate_.set_value();
        task_.result();
    }

  private:
    bool opened_ = false;
    std::promise<void> gate_, started_;
    cf::Future<void> task_;
};

TEST_CASE("one function takes any executor of this process", "[any_executor]") {
    cf::ThreadPoolExecutor threads(2);
    cf::InlineExecutor here;
    CHECK(sum_of_squares(threads) == 30);
    CHECK(sum_of_squares(here) == 30);
    const cf::AnyExecutor any(threads);
    CHECK(any.target<cf::ThreadPoolExecutor>() == &threads);
    CHECK(any.target<cf::InlineExecutor>() == nullptr);
    CHECK(any.max_workers() == 2);
}

TEST_CASE("AnyExecutor: what the executor does not have says so, and what to do", "[any_executor]") {
    cf::InlineExecutor here;
    cf::AnyExecutor any(here);
    CHECK_THROWS_AS(any.pause(), std::logic_error);
    CHECK_THROWS_AS(any.resume(), std::logic_error);
    CHECK_THROWS_AS(any.start_workers(), std::logic_error);
    CHECK_THROWS_WITH(any.is_broken(), "AnyExecutor: the executor has no is_broken(); add it to the executor, or ask "
                                       "target<Pool>() first which executor it is");
}

TEST_CASE("AnyExecutor: results, references, exceptions and moved arguments come as from the executor itself",
          "[any_executor]") {
    cf::ThreadPoolExecutor threads(1);
    cf::AnyExecutor any(threads);
    CHECK(*any.submit([](std::unique_ptr<int> p) { return p; }, std::make_unique<int>(5)).result() == 5);
    int here = 1;
    CHECK(&any.submit([&]() -> int& { return here; }).result() == &here);
    CHECK_THROWS_AS(any.submit(fail).result(), std::runtime_error);
    CHECK(any.submit({.name = "named", .priority = cf::Priority::high}, square, 3).result() == 9);
    CHECK_THROWS_AS(any.submit({.retries = 1}, square, 3), std::invalid_argument);
    std::promise<int> posted;
    any.post([&] { posted.set_value(8); });
    CHECK(posted.get_future().get() == 8);
    threads.wait_idle();
    CHECK(threads.stats().failed == 1);
}

TEST_CASE("AnyExecutor: a task that waits can be cancelled, in all ways", "[any_executor]") {
    cf::ThreadPoolExecutor threads(1);
    cf::AnyExecutor any(threads);
    std::atomic<bool> ran{false};
    auto kept = std::make_shared<int>(1);
    const auto run = [&ran, kept] { ran = true; };
    Busy busy(threads);
    const auto cancelled = any.submit(run);
    CHECK(cancelled.cancel());
    CHECK_THROWS_AS(cancelled.result(), cf::CancelledError);
    const auto asked = any.submit(run);
    asked.request_stop();
    CHECK(asked.cancelled());
    const auto dropped = any.submit(run);
    threads.cancel_pending();
    CHECK(dropped.cancelled());
    busy.open();
    threads.wait_idle();
    CHECK(!ran);
    CHECK(kept.use_count() == 2);  // this one and that of `run`
}

TEST_CASE("AnyExecutor: request_stop() reaches a running task", "[any_executor]") {
    cf::ThreadPoolExecutor threads(1);
    cf::AnyExecutor any(threads);
    std::promise<void> started;
    const auto task = any.submit([&](std::stop_token stop) {
        started.set_value();
        while (!stop.stop_requested()) std::this_thread::yield();
        return 6;
    });
    started.get_future().wait();
    task.request_stop();
    CHECK(task.result() == 6);
}

TEST_CASE("AnyExecutor: tasks that wait for tasks of the same pool do not deadlock it", "[any_executor]") {
    cf::ThreadPoolExecutor threads(1);
    struct Depth {
        static int of(cf::AnyExecutor any, int left) {
            return left == 0 ? 0 : 1 + any.submit(of, any, left - 1).result();
        }
    };
    cf::AnyExecutor any(threads);
    CHECK(any.submit(Depth::of, any, 50).result() == 50);
}

TEST_CASE("AnyExecutor: a shutdown and a broken pool are told as by the executor itself", "[any_executor]") {
    cf::ThreadPoolExecutor broken({.max_workers = 1, .initializer = [] { throw std::runtime_error("no"); }});
    cf::AnyExecutor any(broken);
    try {
        any.submit(square, 1).result();
        FAIL("the pool is broken");
    } catch (const cf::BrokenThreadPool&) {
    }
    cf::ThreadPoolExecutor threads(1);
    cf::AnyExecutor other(threads);
    CHECK_THROWS_AS(other.shutdown_for(std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN())),
                    std::invalid_argument);
    CHECK(other.submit(square, 3).result() == 9);  // still open
    other.shutdown_for(std::chrono::hours::max());
    CHECK_THROWS_AS(threads.submit(square, 1), cf::ShutdownError);
    CHECK_THROWS_AS(other.submit(square, 1), cf::ShutdownError);
}

TEST_CASE("AnyExecutor: cancel_pending() cancels the tasks that wait, and no others", "[any_executor]") {
    cf::ThreadPoolExecutor threads(1);
    cf::AnyExecutor pool = threads;
    Busy busy(threads);
    const cf::Future<int> waits = pool.submit(square, 2);
    pool.cancel_pending();
    CHECK(waits.cancelled());
    CHECK(threads.stats().running == 1);
    busy.open();
}

TEST_CASE("what a task holds is gone when its future is done, and with it the task of the executor", "[any_executor]") {
    cf::ThreadPoolExecutor threads(1);
    cf::AnyExecutor pool(threads);
    auto held = std::make_shared<int>(0);
    const std::weak_ptr<int> left = held;
    bool was_gone = false;
    {
        Busy busy(threads);
        const auto task = pool.submit([held = std::move(held)] {});
        task.add_done_callback([&](const cf::Future<void>&) { was_gone = left.expired(); });
        busy.open();
        task.result();
        threads.shutdown();
    }
    CHECK(was_gone);
}

TEST_CASE("to cancel a task is to cancel the executor's own", "[any_executor]") {
    cf::ThreadPoolExecutor threads(1);
    threads.pause();
    cf::AnyExecutor pool(threads);
    const auto cancelled = pool.submit([] {});
    const auto asked = pool.submit([] {});
    CHECK(threads.stats().pending == 2);
    CHECK(cancelled.cancel());
    asked.request_stop();
    CHECK(asked.cancelled());
    CHECK(threads.stats().pending == 0);
    CHECK(threads.stats().cancelled == 2);
}

}  // namespace
