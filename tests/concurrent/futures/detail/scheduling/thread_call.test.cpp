// SPDX-License-Identifier: MIT
//
// Waiting inside a task for other tasks of the same pool: the worker that waits runs the call.
#include <concurrent/futures/as_completed.hpp>
#include <concurrent/futures/detail/scheduling/thread_call.hpp>
#include <concurrent/futures/errors.hpp>
#include <concurrent/futures/observer.hpp>
#include <concurrent/futures/promise.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>
#include <concurrent/futures/wait.hpp>

#include <array>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstddef>
#include <exception>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "support/deadline.hpp"
#include "support/gate.hpp"

namespace {

namespace cf = concurrent::futures;
using namespace std::chrono_literals;
using Pool = cf::ThreadPoolExecutor;

constexpr int depth = support::sanitized ? 200 : 1000;  // 7 MB a level under ThreadSanitizer

/// Each call submits the next and waits for it in the way of `wait_for(future)`, which gives 1.
template <class Wait>
int descend(Pool& pool, int level, Wait wait_for) {
    if (level == 0) return 0;
    auto next = pool.submit([&pool, level, wait_for] { return descend(pool, level - 1, wait_for); });
    return wait_for(next) + next.result();
}

template <class Wait>
int depth_reached(std::size_t workers, Wait wait_for) {
    Pool pool(workers);
    return pool.submit([&] { return descend(pool, depth, wait_for); }).result();
}

TEST_CASE("calls may wait for calls of their pool a thousand deep on one worker: result()",
          "[thread_call]") {
    CHECK(depth_reached(1, [](const cf::Future<int>&) { return 1; }) == depth);
    CHECK(depth_reached(2, [](const cf::Future<int>& f) {
              static_cast<void>(f.result(1h));
              return 1;
          }) == depth);
}

TEST_CASE("calls may wait for calls of their pool a thousand deep on one worker: exception()",
          "[thread_call]") {
    CHECK(depth_reached(1, [](const cf::Future<int>& f) { return f.exception() ? 0 : 1; }) == depth);
}

TEST_CASE("calls may wait for calls of their pool a thousand deep on one worker: Future::wait()",
          "[thread_call]") {
    CHECK(depth_reached(1, [](const cf::Future<int>& f) {
              f.wait();
              return 1;
          }) == depth);
    CHECK(depth_reached(1, [](const cf::Future<int>& f) {
              return f.wait_for(1h) == std::future_status::ready ? 1 : 0;
          }) == depth);
}

TEST_CASE("calls may wait for calls of their pool a thousand deep on one worker: wait()",
          "[thread_call]") {
    const auto when = GENERATE(cf::ReturnWhen::first_completed, cf::ReturnWhen::first_exception,
                               cf::ReturnWhen::all_completed);
    CHECK(depth_reached(1, [when](const cf::Future<int>& f) {
              return static_cast<int>(cf::wait(std::array{f}, {.return_when = when}).done.size());
          }) == depth);
}

TEST_CASE("calls may wait for calls of their pool a thousand deep on one worker: as_completed()",
          "[thread_call]") {
    CHECK(depth_reached(1, [](const cf::Future<int>& f) {
              int count = 0;
              for (const auto& done : cf::as_completed(std::array{f})) count += done.done();
              return count;
          }) == depth);
}

int descend_by_map(Pool& pool, int level, int chunksize, bool ordered) {
    if (level == 0) return 0;
    const auto next = [&pool, level, chunksize, ordered](int n) {
        return n == 0 ? descend_by_map(pool, level - 1, chunksize, ordered) : 1;
    };
    const cf::MapOptions options{.chunksize = chunksize};
    int sum = 0;
    for (int&& n : ordered ? pool.map(options, next, std::vector{0, 1})
                           : pool.map_unordered(options, next, std::vector{0, 1}))
        sum += n;
    return sum;
}

TEST_CASE("calls may iterate over a map of their pool a thousand deep on one worker",
          "[thread_call]") {
    const bool ordered = GENERATE(true, false);
    const int chunksize = GENERATE(1, 2);
    Pool pool(1);
    CHECK(pool.submit(descend_by_map, std::ref(pool), depth, chunksize, ordered).result() == depth);
}

int fibonacci(Pool& pool, int n) {
    if (n < 2) return n;
    const auto a = pool.submit(fibonacci, std::ref(pool), n - 1);
    const auto b = pool.submit(fibonacci, std::ref(pool), n - 2);
    return a.result() + b.result();
}

TEST_CASE("fibonacci by futures ends on one worker and on two", "[thread_call]") {
    const int workers = GENERATE(1, 2, 4);
    Pool pool(workers);
    CHECK(pool.submit(fibonacci, std::ref(pool), 16).result() == 987);
    pool.shutdown();
    // 2 * fib(17) - 1 calls, each counted once whoever ran it.
    CHECK(pool.stats().completed == 2 * 1597 - 1);
    CHECK(pool.stats().cancelled == 0);
    CHECK(pool.stats().failed == 0);
}

TEST_CASE("a call that waits for many on one worker gets them all", "[thread_call]") {
    Pool pool(1);
    const int sum = pool.submit([&] {
        std::vector<cf::Future<int>> futures;
        for (int i = 0; i < 100; ++i) futures.push_back(pool.submit([i] { return i; }));
        int total = static_cast<int>(cf::wait(futures).done.size());
        for (const auto& future : cf::as_completed(futures)) total += future.result();
        return total;
    }).result();
    CHECK(sum == 100 + 4950);
}

TEST_CASE("what a waiting worker runs may fail", "[thread_call]") {
    Pool pool(1);
    const auto outer = pool.submit([&] {
        const auto inner = pool.submit([]() -> int { throw std::runtime_error("inner"); });
        return inner.exception() && inner.exception() == inner.exception();
    });
    CHECK(outer.result());
    pool.shutdown();
    CHECK(pool.stats().failed == 1);
    CHECK(pool.stats().completed == 1);
}

TEST_CASE("a worker that only looks does not run the call", "[thread_call]") {
    Pool pool(1);
    std::thread::id ran_in, looked_in;
    const auto outer = pool.submit([&] {
        looked_in = std::this_thread::get_id();
        const auto inner = pool.submit([&] { ran_in = std::this_thread::get_id(); });
        CHECK(inner.wait_for(0s) == std::future_status::timeout);
        CHECK_THROWS_AS(inner.result(0s), cf::TimeoutError);
        CHECK(cf::wait(std::array{inner}, {.timeout = 0s}).done.empty());
        CHECK_FALSE(inner.done());
        return inner;
    });
    outer.result().result();
    CHECK(ran_in == looked_in);
}

TEST_CASE("a worker that waits for a call of another pool leaves it to that pool", "[thread_call]") {
    Pool pool(1), other(1);
    std::thread::id ran_in;
    const auto waited_in = pool.submit([&] {
        other.submit([&] { ran_in = std::this_thread::get_id(); }).result();
        return std::this_thread::get_id();
    });
    CHECK(waited_in.result() != ran_in);
}

TEST_CASE("a worker that waits for the first of two does not take up the second", "[thread_call]") {
    // The first is running elsewhere; picking up the second, which stays, would hold everything up.
    support::Gate first_runs, first_may_end, never;
    Pool pool(2);
    const auto first = pool.submit([&] {
        first_runs.open();
        first_may_end.wait();
        return 1;
    });
    first_runs.wait();
    const auto waiter = pool.submit([&] {
        const auto second = pool.submit([&] {
            never.wait();
            return 2;
        });
        first_may_end.open();
        // The other worker may take up the second when it has ended the first.
        const auto result = cf::wait(std::array{first, second},
                                     {.return_when = cf::ReturnWhen::first_completed});
        const bool first_is_done = result.done.at(0) == first;
        never.open();
        return first_is_done;
    });
    CHECK(waiter.result());
}

TEST_CASE("a callback that runs in a worker may wait for calls of the pool", "[thread_call]") {
    int seen = 0;
    {
        Pool pool(1);
        support::Gate go, told;
        pool.submit([&] { go.wait(); }).add_done_callback([&](const cf::Future<void>&) {
            seen = pool.submit([] { return 5; }).result();
            told.open();
        });
        go.open();
        told.wait();
    }
    CHECK(seen == 5);
}

TEST_CASE("a call that asks for a stop_token is told to stop", "[thread_call]") {
    Pool pool(1);
    support::Gate started;
    const auto future = pool.submit([&](std::stop_token token, int n) {
        support::Gate asked;
        const std::stop_callback on_stop(token, [&] { asked.open(); });
        started.open();
        asked.wait();
        return token.stop_requested() ? n : 0;
    }, 3);
    started.wait();
    CHECK_FALSE(future.cancel());
    future.request_stop();
    CHECK(future.result() == 3);
    CHECK_FALSE(future.cancelled());
    future.request_stop();  // too late, harmless
}

TEST_CASE("request_stop() leaves a running call alone that cannot be asked", "[thread_call]") {
    Pool pool(1);
    support::Gate started, go;
    const auto future = pool.submit([&] {
        started.open();
        go.wait();
        return 1;
    });
    started.wait();
    future.request_stop();
    CHECK(future.running());
    go.open();
    CHECK(future.result() == 1);
}

TEST_CASE("what a stop callback does, it does outside of all locks", "[thread_call]") {
    // Each call, asked to stop, asks all the others: with a lock held this would lock it again.
    constexpr std::size_t count = 30;  // of 64 locks: two share one, almost surely
    Pool pool(count);
    std::vector<cf::Future<int>> futures(count);
    std::vector<support::Gate> asked(count);
    support::Gate all_known;
    {
        std::vector<support::Gate> started(count);
        for (std::size_t i = 0; i < count; ++i)
            futures[i] = pool.submit([&, i](std::stop_token token) {
                const std::stop_callback on_stop(token, [&, i] {
                    all_known.wait();
                    for (const auto& other : futures)
                        if (!(other == futures[i])) other.request_stop();
                    asked[i].open();
                });
                started[i].open();
                asked[i].wait();
                return 1;
            });
        for (auto& gate : started) gate.wait();
        all_known.open();
        futures[0].request_stop();
        for (const auto& future : futures) CHECK(future.result() == 1);
    }
}

TEST_CASE("request_stop() may race with the end of the call", "[thread_call]") {
    Pool pool(1);
    for (int i = 0; i < 2000; ++i) {
        const auto future = pool.submit([](std::stop_token token) { return token.stop_possible(); });
        future.request_stop();
        future.request_stop();
        future.wait();
        if (!future.cancelled()) REQUIRE(future.result());
    }
}

namespace detail = cf::detail;

/// Says what an observer hears of tasks that do not run.
class CountsCancelled final : public cf::Observer {
  public:
    void cancelled(const cf::CallEvent&) override { ++cancelled_; }
    int number() const { return cancelled_; }

  private:
    std::atomic<int> cancelled_ = 0;
};

TEST_CASE("tasks that fail because there is no worker make room, are counted and told of, and let go of what they held",
          "[thread_call]") {
    const bool posted = GENERATE(true, false);
    const auto observer = std::make_shared<CountsCancelled>();
    int unhandled = 0;
    auto* const engine = new detail::WorkerThreads({.max_workers = 1,
                                                    .max_pending = 1,
                                                    .on_full = cf::QueueFull::raise,
                                                    .on_unhandled_exception = [&](std::exception_ptr) { ++unhandled; },
                                                    .observer = observer});
    engine->control().pause();
    for (int round = 1; round <= 3; ++round) {
        const auto held = std::make_shared<int>(0);
        const auto call = [held] {};
        using Call = detail::BoundCallFor<decltype(call)>;
        cf::Future<void> future;
        if (posted) {
            auto* const task = new detail::PostedTask<Call>(*engine, call);
            task->watch()->submitted();
            REQUIRE(engine->submit(*task, cf::Priority::normal));
        } else {
            auto* const task = new detail::ThreadCall<void, Call>(*engine, call);
            future = detail::FutureAccess::adopt<void>(task);
            task->watch()->submitted();
            REQUIRE(engine->submit(*task, cf::Priority::normal));
        }
        CHECK(held.use_count() == 3);
        CHECK(engine->counts().pending == 1);
        detail::ThreadTables& tables = engine->tables();
        CHECK(tables.queues.abandon_all(detail::ThreadTables::cannot_start(), tables.calls()) == 0);
        CHECK(held.use_count() == 2);
        CHECK(engine->counts().pending == 0);
        CHECK(engine->counts().failed == static_cast<std::size_t>(round));
        CHECK(observer->number() == round);
        CHECK(unhandled == (posted ? round : 0));
        if (!posted) CHECK_THROWS_AS(future.result(), cf::BrokenThreadPool);
    }
    engine->begin_shutdown(false);
    engine->release();
}

TEST_CASE("a task that is cancelled lets go of what it held at once", "[thread_call]") {
    Pool pool(1);
    pool.pause();
    const bool stoppable = GENERATE(true, false);
    auto held = std::make_shared<int>(0);
    const std::weak_ptr<int> left = held;
    const auto future = stoppable ? pool.submit([held](const std::stop_token&) {}) : pool.submit([held] {});
    held.reset();
    CHECK(!left.expired());
    future.request_stop();  // it has not begun
    CHECK(future.cancelled());
    CHECK(left.expired());
    future.request_stop();
    CHECK(future.cancel());
    CHECK(pool.stats().cancelled == 1);
}

TEST_CASE("without report_unobserved a failure that nobody looks at is not reported", "[thread_call]") {
    std::atomic<int> reported = 0;
    Pool pool({.max_workers = 1, .on_unhandled_exception = [&](std::exception_ptr) { ++reported; }});
    static_cast<void>(pool.submit([]() -> int { throw std::runtime_error("expected"); }));
    pool.shutdown();
    CHECK(pool.stats().failed == 1);
    CHECK(reported == 0);
}

TEST_CASE("a request to stop finds nothing to stop while what its task held is destroyed", "[thread_call]") {
    Pool pool(1);
    support::Gate is_over, may_end;
    std::stop_token token;  // kept, so that the request would be seen
    std::shared_ptr<void> held(nullptr, [&](void*) {
        is_over.open();
        may_end.wait();
    });
    const auto future = pool.submit([&token, held = std::move(held)](const std::stop_token& its) { token = its; });
    is_over.wait();
    future.request_stop();
    CHECK_FALSE(token.stop_possible());
    may_end.open();
    future.result();
    CHECK_FALSE(token.stop_requested());
}

TEST_CASE("a posted task that throws counts as failed", "[thread_call]") {
    Pool pool({.max_workers = 1, .on_unhandled_exception = [](std::exception_ptr) {}});
    pool.post([] { throw std::runtime_error("expected"); });
    pool.shutdown();
    CHECK(pool.stats().failed == 1);
    CHECK(pool.stats().completed == 0);
}

TEST_CASE("a failure that somebody has looked at, or that goes on to a continuation, is not reported", "[thread_call]") {
    std::atomic<int> reported = 0;
    {
        Pool pool({.max_workers = 1,
                   .report_unobserved = true,
                   .on_unhandled_exception = [&](std::exception_ptr) { ++reported; }});
        const auto fail = []() -> int { throw std::runtime_error("expected"); };
        CHECK_THROWS(pool.submit(fail).result());
        CHECK(pool.submit(fail).then([](int) {}).exception());
        CHECK(pool.submit([] {}).then([&] { return pool.submit(fail); }).exception());
        CHECK(reported == 0);
        pool.submit(fail).wait();
        pool.shutdown();
        CHECK(reported == 1);
    }
    CHECK(reported == 1);
}

}  // namespace
