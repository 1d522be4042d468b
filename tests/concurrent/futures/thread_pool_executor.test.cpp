// SPDX-License-Identifier: MIT
//
// What only threads can show; what every executor does is in tests/contract.
#include <concurrent/futures/as_completed.hpp>
#include <concurrent/futures/promise.hpp>
#include <concurrent/futures/this_worker.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>
#include <concurrent/futures/wait.hpp>
#include <concurrent/futures/when_all.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <cfenv>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <ranges>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/eventually.hpp"
#include "support/gate.hpp"
#include "support/processes.hpp"

namespace {

namespace cf = concurrent::futures;
using namespace std::chrono_literals;
using Pool = cf::ThreadPoolExecutor;

/// Keeps `count` workers busy until it is opened.
class Blockade {
  public:
    Blockade(Pool& pool, std::size_t count = 1) : started_(count) {
        for (support::Gate& started : started_)
            calls_.push_back(pool.submit([this, &started] {
                started.open();
                gate_.wait();
            }));
        for (support::Gate& started : started_) started.wait();
    }
    ~Blockade() {
        open();
        cf::wait(calls_);
    }
    void open() { gate_.open(); }

  private:
    support::Gate gate_;
    std::vector<support::Gate> started_;
    std::vector<cf::Future<void>> calls_;
};

/// What happened, in order, in whatever threads.
template <class T>
class Events {
  public:
    void add(T event) {
        const std::lock_guard lock(mutex_);
        events_.push_back(std::move(event));
    }
    std::vector<T> all() const {
        const std::lock_guard lock(mutex_);
        return events_;
    }

  private:
    mutable std::mutex mutex_;
    std::vector<T> events_;
};

std::string this_threads_name() {
    std::array<char, 16> name{};
    ::pthread_getname_np(::pthread_self(), name.data(), name.size());
    return name.data();
}

// ---- workers ----

TEST_CASE("a pool that has nothing to do has no threads", "[thread_pool]") {
    const Pool pool(4);
    CHECK(pool.stats().workers == 0);
    CHECK(pool.max_workers() == 4);
}

TEST_CASE("sixty calls that stay make four threads, not more", "[thread_pool]") {
    Pool pool(4);
    support::Gate gate;
    std::vector<cf::Future<void>> calls;
    for (int i = 0; i < 60; ++i) calls.push_back(pool.submit([&] { gate.wait(); }));
    REQUIRE(support::eventually([&] { return pool.stats().running == 4; }));
    CHECK(pool.stats().workers == 4);
    CHECK(pool.stats().pending == 56);
    gate.open();
    cf::wait(calls);
    CHECK(pool.stats().workers == 4);
}

TEST_CASE("an idle thread is used again before another is started", "[thread_pool]") {
    Pool pool(4);
    std::set<std::thread::id> used;
    for (int i = 0; i < 3; ++i) {
        used.insert(pool.submit([] { return std::this_thread::get_id(); }).result());
        // The call ends a moment before its thread lies down.
        REQUIRE(support::eventually([&] { return pool.stats().idle == 1; }));
    }
    CHECK(used.size() == 1);
    CHECK(pool.stats().workers == 1);
}

TEST_CASE("as many threads run as there are calls, if they may", "[thread_pool]") {
    Pool pool(8);
    {
        const Blockade three(pool, 3);
        CHECK(pool.stats().workers == 3);
        const Blockade eight(pool, 5);
        CHECK(pool.stats().workers == 8);
        CHECK(pool.stats().running == 8);
    }
    CHECK(pool.stats().workers == 8);
}

TEST_CASE("calls that need one another all run at the same time", "[thread_pool]") {
    Pool pool(10);
    std::vector<support::Gate> gates(10);
    std::vector<cf::Future<void>> calls;
    for (std::size_t i = 0; i < gates.size(); ++i)
        calls.push_back(pool.submit([&, i] {
            gates[i].open();
            for (support::Gate& gate : gates) gate.wait();
        }));
    for (const auto& call : calls) CHECK_NOTHROW(call.result());
}

TEST_CASE("tasks run on workers only", "[thread_pool]") {
    Pool pool(2);
    for (int i = 0; i < 100; ++i)
        CHECK(pool.submit([] { return std::this_thread::get_id(); }).result() !=
              std::this_thread::get_id());
}

TEST_CASE("threads are named by the prefix and a number", "[thread_pool]") {
    Pool pool({.max_workers = 3, .thread_name_prefix = "SpecialPool"});
    std::set<std::string> names;
    {
        support::Gate all;
        std::vector<cf::Future<std::string>> calls;
        for (int i = 0; i < 3; ++i)
            calls.push_back(pool.submit([&] {
                all.wait();
                return this_threads_name();
            }));
        REQUIRE(support::eventually([&] { return pool.stats().running == 3; }));
        all.open();
        for (const auto& call : calls) names.insert(call.result());
    }
    CHECK(names == std::set<std::string>{"SpecialPool_0", "SpecialPool_1", "SpecialPool_2"});
}

TEST_CASE("pools without a prefix name their threads apart", "[thread_pool]") {
    Pool one(1), two(1);
    const std::string first = one.submit(this_threads_name).result();
    const std::string second = two.submit(this_threads_name).result();
    CHECK(first != second);
    CHECK(first.find("pool") == 0);
}

TEST_CASE("threads idle for idle_timeout end, and new ones start when there is work",
          "[thread_pool]") {
    Pool pool({.max_workers = 3, .idle_timeout = 1ms});
    for (int round = 0; round < 3; ++round) {
        { const Blockade busy(pool, 3); }
        REQUIRE(support::eventually([&] { return pool.stats().workers == 0; }));
        CHECK(pool.submit([] { return 4; }).result() == 4);
    }
    CHECK(pool.submit([] { return 5; }).result() == 5);
}

TEST_CASE("idle_timeout leaves base_workers alone", "[thread_pool]") {
    Pool pool({.max_workers = 4, .idle_timeout = 1ms, .base_workers = 2});
    for (int round = 0; round < 3; ++round) {
        pool.start_workers();
        REQUIRE(support::eventually([&] { return pool.stats().workers == 2; }));
        CHECK(pool.submit([] { return 4; }).result() == 4);
    }
    CHECK(pool.stats().workers >= 2);
    CHECK_THROWS_AS(Pool({.max_workers = 2, .base_workers = 3}), std::invalid_argument);
}

TEST_CASE("set_max_workers() lets more tasks run at once, or fewer", "[thread_pool]") {
    Pool pool(1);
    CHECK(pool.max_workers() == 1);
    {
        const Blockade busy(pool);
        pool.set_max_workers(3);
        CHECK(pool.max_workers() == 3);
        { const Blockade two_more(pool, 2); }
        const Blockade again(pool, 2);
        pool.set_max_workers(1);
        CHECK(!pool.submit([] {}).done());
    }
    pool.wait_idle();
    CHECK(support::eventually([&] { return pool.stats().workers == 1; }));
    for (int i = 0; i < 100; ++i) CHECK(pool.submit([i] { return i; }).result() == i);
    pool.set_max_workers(0);
    CHECK(pool.max_workers() == cf::available_parallelism());
    CHECK_THROWS_AS(pool.set_max_workers(1'000'000), std::invalid_argument);
}

TEST_CASE("set_max_workers() brings workers for what waits already", "[thread_pool]") {
    Pool pool(1);
    support::Gate gate;
    std::atomic<int> running{0};
    for (int i = 0; i < 4; ++i)
        pool.post([&] {
            ++running;
            gate.wait();
        });
    REQUIRE(support::eventually([&] { return running == 1; }));
    pool.set_max_workers(4);
    CHECK(support::eventually([&] { return running == 4; }));
    gate.open();
}

TEST_CASE("a task that a running one waits for starts in a paused pool", "[thread_pool]") {
    Pool pool(1);
    support::Gate submitted, go_on;
    const auto outer = pool.submit([&] {
        const auto inner = pool.submit([] { return 4; });
        submitted.open();
        go_on.wait();
        return inner.result();
    });
    submitted.wait();
    pool.pause();
    go_on.open();
    CHECK(outer.result() == 4);
}

TEST_CASE("whichever way a task waits for tasks of its paused pool, some of them start", "[thread_pool]") {
    Pool pool(1);
    const auto outer = pool.submit([&] {
        pool.pause();
        const auto children = [&] {
            std::vector<cf::Future<int>> futures;
            for (int n = 0; n < 4; ++n) futures.push_back(pool.submit([n] { return n; }));
            return futures;
        };
        cf::wait(children(), {.return_when = cf::ReturnWhen::first_completed});
        cf::wait(children(), {.return_when = cf::ReturnWhen::first_exception});
        cf::when_any(children()).wait();
        int sum = 0;
        for (const auto& future : cf::as_completed(children())) sum += future.result();
        for (const int n : pool.map_unordered([](int number) { return number; }, std::vector{10, 20})) sum += n;
        return sum;
    });
    CHECK(outer.result() == 36);
    pool.cancel_pending();
    pool.wait_idle();
}

TEST_CASE("a paused pool is idle when its tasks have run in waits", "[thread_pool]") {
    Pool pool(1);
    support::Gate started, go_on;
    cf::Future<int> inner;
    const auto outer = pool.submit([&] {
        started.open();
        go_on.wait();
        return inner.result();
    });
    inner = pool.submit([] { return 4; });
    started.wait();
    pool.pause();
    go_on.open();
    pool.wait_idle();
    CHECK(outer.result() == 4);
}

TEST_CASE("start_workers() tells what the initializer threw, and the pool is broken", "[thread_pool]") {
    Pool pool({.max_workers = 2, .initializer = [] { throw std::runtime_error("no licence"); }});
    CHECK(!pool.is_broken());
    std::string text;
    try {
        pool.start_workers();
    } catch (const cf::BrokenThreadPool& error) {
        text = error.what();
    }
    CHECK(text.find("no licence") != std::string::npos);
    CHECK(pool.is_broken());
}

TEST_CASE("in_worker() tells whether this thread is a worker of that pool", "[thread_pool]") {
    Pool one(1), two(1);
    CHECK(!one.in_worker());
    CHECK(one.submit([&] { return one.in_worker() && !two.in_worker(); }).result());
    CHECK(two.submit([&] { return two.in_worker() && !one.in_worker(); }).result());
}

TEST_CASE("an initializer knows the number of its worker, and a later thread gets that of one that ended",
          "[thread_pool]") {
    std::mutex mutex;
    std::vector<std::size_t> seen;
    Pool pool({.max_workers = 2,
               .initializer =
                   [&] {
                       const std::lock_guard lock(mutex);
                       seen.push_back(cf::this_worker::index().value());
                   },
               .idle_timeout = 0s});
    for (int round = 0; round < 3; ++round) {
        pool.start_workers();
        REQUIRE(support::eventually([&] { return pool.stats().workers == 0; }));
    }
    pool.shutdown();
    REQUIRE(seen.size() == 6);
    for (const std::size_t index : seen) CHECK(index < 2);
}

TEST_CASE("a call that comes while the only thread leaves is run", "[thread_pool]") {
    support::Gate leaving, go_on;
    std::atomic<int> exits = 0;
    Pool pool({.max_workers = 1,
               .worker_exit =
                   [&] {
                       if (exits++ > 0) return;
                       leaving.open();
                       go_on.wait();
                   },
               .idle_timeout = 0s});
    pool.submit([] {}).result();
    leaving.wait();
    const auto late = pool.submit([] { return 1; });
    go_on.open();
    CHECK(late.result() == 1);
}

TEST_CASE("calls that come again and again while idle threads leave are all run", "[thread_pool]") {
    Pool pool({.max_workers = 2, .worker_exit = [] {}, .idle_timeout = 0s});
    for (int i = 0; i < 2000; ++i) REQUIRE(pool.submit([i] { return i; }).result() == i);
}

// ---- order ----

TEST_CASE("calls start in the order submitted", "[thread_pool]") {
    Pool pool(1);
    std::vector<int> order;
    {
        const Blockade busy(pool);
        for (int i = 0; i < 100; ++i) pool.post([&, i] { order.push_back(i); });
    }
    pool.shutdown();
    CHECK(order.size() == 100);
    CHECK(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE("calls of higher priority start first, equal ones in order", "[thread_pool]") {
    Pool pool(1);
    std::vector<std::string> order;
    {
        const Blockade busy(pool);
        for (const std::string number : {"1", "2"}) {
            pool.submit({.priority = cf::Priority::low}, [&, number] { order.push_back("low" + number); });
            pool.submit([&, number] { order.push_back("normal" + number); });
            pool.submit({.priority = cf::Priority::high}, [&, number] { order.push_back("high" + number); });
        }
    }
    pool.shutdown();
    CHECK(order == std::vector<std::string>{"high1", "high2", "normal1", "normal2", "low1", "low2"});
}

// ---- the bound on what waits ----

TEST_CASE("at the bound submit() throws QueueFullError under QueueFull::raise", "[thread_pool]") {
    Pool pool({.max_workers = 1, .max_pending = 2, .on_full = cf::QueueFull::raise});
    std::atomic<int> ran = 0;
    Blockade busy(pool);
    const auto a = pool.submit([&] { ++ran; });
    pool.post([&] { ++ran; });
    CHECK_THROWS_AS(pool.submit([&] { ++ran; }), cf::QueueFullError);
    CHECK_THROWS_AS(pool.post([&] { ++ran; }), cf::QueueFullError);
    CHECK(pool.stats().pending == 2);
    busy.open();
    pool.shutdown();
    CHECK(ran == 2);
}

TEST_CASE("a cancelled call does not count at the bound", "[thread_pool]") {
    Pool pool({.max_workers = 1, .max_pending = 2, .on_full = cf::QueueFull::raise});
    Blockade busy(pool);
    const auto a = pool.submit([] {}), b = pool.submit([] {});
    CHECK_THROWS_AS(pool.submit([] {}), cf::QueueFullError);
    a.cancel();
    const auto c = pool.submit([] { return 3; });
    CHECK_THROWS_AS(pool.submit([] {}), cf::QueueFullError);
    CHECK(pool.stats().cancelled == 1);
    CHECK(pool.stats().pending == 2);
    busy.open();
    CHECK(c.result() == 3);
    pool.shutdown();
    CHECK(pool.stats().cancelled == 1);
    CHECK(pool.stats().completed == 3);
}

TEST_CASE("at the bound submit() blocks under QueueFull::block until there is room",
          "[thread_pool]") {
    Pool pool({.max_workers = 1, .max_pending = 1});
    Blockade busy(pool);
    pool.submit([] {});
    support::Gate about_to;
    cf::Future<int> third;
    {
        const std::jthread submitter([&] {
            about_to.open();
            third = pool.submit([] { return 3; });
        });
        about_to.wait();
        CHECK(pool.stats().pending == 1);
        busy.open();
    }
    CHECK(third.result() == 3);
}

TEST_CASE("each of many submitters that wait for room gets it", "[thread_pool]") {
    constexpr int submitters = 16, each = 100;
    Pool pool({.max_workers = 2, .max_pending = 3});
    std::atomic<int> ran{0};
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < submitters; ++i)
            threads.emplace_back([&] {
                for (int k = 0; k < each; ++k) {
                    auto future = pool.submit([&] { ran.fetch_add(1, std::memory_order_relaxed); });
                    if (k % 4 == 0 && future.cancel()) ran.fetch_add(1, std::memory_order_relaxed);
                }
            });
    }
    pool.shutdown();
    CHECK(ran == submitters * each);
}

TEST_CASE("a submitter gets the only free place, though the calls before it last long", "[thread_pool]") {
    constexpr std::size_t bound = 100;
    // The submitter has begun to wait then, or has waited for a while, in most runs: it has to return in any case.
    const auto before = GENERATE(0ms, 20ms);
    std::array<support::Gate, bound + 4> gates;
    const cf::Promise<int> nothing;
    Pool pool({.max_workers = 1, .max_pending = bound});
    std::size_t next = 0;
    const auto submit = [&] { pool.post([&gate = gates[next]] { gate.wait(); }), ++next; };
    submit();
    CHECK(support::eventually([&] { return pool.stats().running == 1; }));
    while (next < bound + 1) submit();
    for (std::size_t ended = 0; ended < 3; ++ended) {
        support::Gate about_to;
        const std::jthread submitter([&] {
            about_to.open();
            submit();
        });
        about_to.wait();
        CHECK_THROWS_AS(nothing.get_future().result(before), cf::TimeoutError);
        gates[ended].open();  // the other calls last until the submitter has returned
    }
    for (support::Gate& gate : gates) gate.open();
}

TEST_CASE("a full queue takes a call again when one of those in it was cancelled or run elsewhere", "[thread_pool]") {
    Pool pool({.max_workers = 1, .max_pending = 3, .on_full = cf::QueueFull::raise});
    Blockade busy(pool);
    std::vector<cf::Future<void>> waiting;
    for (int i = 0; i < 3; ++i) waiting.push_back(pool.submit([] {}));
    for (int i = 0; i < 3; ++i) CHECK_THROWS_AS(pool.submit([] {}), cf::QueueFullError);
    CHECK(waiting[1].cancel());
    waiting.push_back(pool.submit([] {}));
    CHECK_THROWS_AS(pool.submit([] {}), cf::QueueFullError);
}

TEST_CASE("shutdown() releases those who wait for room", "[thread_pool]") {
    Pool pool({.max_workers = 1, .max_pending = 1});
    Blockade busy(pool);
    pool.submit([] {});
    support::Gate about_to;
    bool refused = false;
    {
        const std::jthread submitter([&] {
            about_to.open();
            try {
                pool.submit([] {});
            } catch (const cf::ShutdownError&) {
                refused = true;
            }
        });
        about_to.wait();
        pool.shutdown({.wait = false});
    }
    CHECK(refused);
}

TEST_CASE("at the bound submit() runs the call itself under QueueFull::caller_runs",
          "[thread_pool]") {
    Pool pool({.max_workers = 1, .max_pending = 1, .on_full = cf::QueueFull::caller_runs});
    Blockade busy(pool);
    const auto queued = pool.submit([] { return std::this_thread::get_id(); });
    const auto here = pool.submit([] { return std::this_thread::get_id(); });
    CHECK(here.done());
    CHECK(here.result() == std::this_thread::get_id());
    bool posted = false;
    pool.post([&] { posted = true; });
    CHECK(posted);
    CHECK(pool.submit([]() -> int { throw std::domain_error("here"); }).exception() != nullptr);
    CHECK(pool.stats().completed == 2);
    CHECK(pool.stats().failed == 1);
    CHECK_FALSE(queued.done());
    busy.open();
    CHECK(queued.result() != std::this_thread::get_id());
}

TEST_CASE("a worker of the pool never waits at the bound of its own pool", "[thread_pool]") {
    const auto on_full = GENERATE(cf::QueueFull::block, cf::QueueFull::raise,
                                  cf::QueueFull::caller_runs);
    Pool pool({.max_workers = 1, .max_pending = 1, .on_full = on_full});
    const auto sum = pool.submit([&] {
        std::vector<cf::Future<int>> futures;
        for (int i = 0; i < 50; ++i) futures.push_back(pool.submit([i] { return i; }));
        int total = 0;
        for (const auto& future : futures) total += future.result();
        return total;
    });
    CHECK(sum.result() == 1225);
}

// ---- the floating-point environment: thread_pool_executor.hpp says so under "Limits" ----

TEST_CASE("a worker starts with the rounding mode of the thread that started it, and keeps what a task sets",
          "[thread_pool]") {
    const int before = std::fegetround();
    REQUIRE(std::fesetround(FE_UPWARD) == 0);
    Pool pool(1);
    const cf::Future<int> first = pool.submit([] { return std::fegetround(); });
    REQUIRE(std::fesetround(before) == 0);
    CHECK(first.result() == FE_UPWARD);
    pool.submit([] { std::fesetround(FE_DOWNWARD); }).result();
    CHECK(pool.submit([] { return std::fegetround(); }).result() == FE_DOWNWARD);
    CHECK(std::fegetround() == before);
}

// ---- stacks; the default under `ulimit -s unlimited`: tests/programs/stack_without_limit.cpp ----

/// Takes more than 16 KiB of stack for each level.
int descend(int levels) {  // NOLINT(misc-no-recursion)
    volatile char used[16 * 1024];
    used[0] = 1;
    return levels == 0 ? 0 : descend(levels - 1) + used[0];
}
/// The same, by tasks that wait for each other; they tell on which threads they run.
int descend_by_tasks(Pool& pool, Events<std::thread::id>& threads, int levels) {  // NOLINT(misc-no-recursion)
    volatile char used[16 * 1024];
    used[0] = 1;
    threads.add(std::this_thread::get_id());
    if (levels == 0) return 0;
    return pool.submit(descend_by_tasks, std::ref(pool), std::ref(threads), levels - 1).result() + used[0];
}
/// On how many threads, with stacks of `stack_size`.
std::size_t threads_to_descend(std::size_t stack_size, int levels) {
    Pool pool({.max_workers = 1, .stack_size = stack_size});
    Events<std::thread::id> threads;
    CHECK(pool.submit(descend_by_tasks, std::ref(pool), std::ref(threads), levels).result() == levels);
    const std::vector<std::thread::id> all = threads.all();
    return std::set<std::thread::id>(all.begin(), all.end()).size();
}

TEST_CASE("a task may use the stack that stack_size asks for", "[thread_pool]") {
    Pool pool({.max_workers = 1, .stack_size = 256 << 20});
    CHECK(pool.submit(descend, 3000).result() == 3000);  // 48 MiB, more with a sanitizer
}

TEST_CASE("tasks that wait for each other stay on one large stack, and go on elsewhere when a small one is full",
          "[thread_pool]") {
    CHECK(threads_to_descend(256 << 20, 1000) == 1);
    CHECK(threads_to_descend(512 << 10, 100) > 1);
}

TEST_CASE("a stack that is no size for one is refused, with the unit and the bounds", "[thread_pool]") {
    CHECK_NOTHROW(Pool({.stack_size = 128 << 10}));
    for (const std::size_t size : {std::size_t{1}, std::size_t{64}, (std::size_t{128} << 10) - 1})
        CHECK_THROWS_WITH(Pool({.stack_size = size}),
                          "ThreadPoolOptions::stack_size = " + std::to_string(size) +
                              " bytes is below 131072; it is a number of bytes, such as 64 << 20 for 64 MiB; 0 takes "
                              "what main() has");
    CHECK_THROWS_AS(Pool({.stack_size = static_cast<std::size_t>(-1)}), std::invalid_argument);
    CHECK_THROWS_AS(Pool({.stack_size = -1}), std::invalid_argument);
}

// ---- initializer and worker_exit ----

TEST_CASE("the initializer runs first in each thread, worker_exit last", "[thread_pool]") {
    Events<std::pair<std::thread::id, std::string>> events;
    {
        Pool pool({.max_workers = 3,
                   .initializer = [&] { events.add({std::this_thread::get_id(), "begins"}); },
                   .worker_exit = [&] { events.add({std::this_thread::get_id(), "ends"}); }});
        CHECK(events.all().empty());
        const Blockade busy(pool, 3);
        pool.post([&] { events.add({std::this_thread::get_id(), "works"}); });
    }
    std::map<std::thread::id, std::string> by_thread;
    for (const auto& [thread, event] : events.all()) by_thread[thread] += event + ' ';
    CHECK(by_thread.size() == 3);
    int worked = 0;
    for (const auto& [thread, story] : by_thread) {
        CHECK((story == "begins ends " || story == "begins works ends "));
        worked += story == "begins works ends ";
    }
    CHECK(worked == 1);
}

TEST_CASE("an initializer that throws breaks the pool, for what waits and what comes",
          "[thread_pool]") {
    support::Gate go;
    std::atomic<int> exits = 0, ran = 0;
    Pool pool({.max_workers = 1,
               .initializer =
                   [&] {
                       go.wait();
                       throw std::runtime_error("no licence for this thread");
                   },
               .worker_exit = [&] { ++exits; }});
    std::vector<cf::Future<void>> waiting;
    for (int i = 0; i < 3; ++i) waiting.push_back(pool.submit([&] { ++ran; }));
    const auto cancelled = pool.submit([&] { ++ran; });
    cancelled.cancel();
    pool.post([&] { ++ran; });
    go.open();
    for (const auto& future : waiting) {
        std::string message;
        try {
            future.result();
        } catch (const cf::BrokenThreadPool& error) {
            message = error.what();
        }
        CHECK(message.find("no licence for this thread") != std::string::npos);
        CHECK(message.find("initializer") != std::string::npos);
    }
    CHECK(cancelled.cancelled());
    CHECK_THROWS_AS(pool.submit([] {}), cf::BrokenThreadPool);
    CHECK_THROWS_AS(pool.post([] {}), cf::BrokenThreadPool);
    CHECK_THROWS_AS(pool.map([](int) {}, std::vector{1}), cf::BrokenThreadPool);
    pool.shutdown();
    CHECK(ran == 0);
    CHECK(exits == 0);
    CHECK(pool.stats().failed == 4);
    CHECK(pool.stats().cancelled == 1);
}

TEST_CASE("an initializer that throws what is no std::exception breaks the pool too",
          "[thread_pool]") {
    Pool pool({.max_workers = 1, .initializer = [] { throw 42; }});
    std::optional<cf::Future<void>> future;
    try {
        future = pool.submit([] {});
    } catch (const cf::BrokenThreadPool&) {
    }
    if (future) CHECK_THROWS_AS(future->result(), cf::BrokenThreadPool);
    CHECK_THROWS_AS(pool.submit([] {}), cf::BrokenThreadPool);
}

TEST_CASE("when a later thread's initializer fails, calls that run go on to their end",
          "[thread_pool]") {
    std::atomic<int> threads = 0;
    Pool pool({.max_workers = 2, .initializer = [&] {
                   if (threads++ > 0) throw std::runtime_error("only one, please");
               }});
    support::Gate started, go;
    const auto running = pool.submit([&] {
        started.open();
        go.wait();
        return 1;
    });
    started.wait();
    const auto waiting = pool.submit([] { return 2; });
    CHECK_THROWS_AS(waiting.result(), cf::BrokenThreadPool);
    CHECK_THROWS_AS(pool.submit([] {}), cf::BrokenThreadPool);
    CHECK_FALSE(running.done());
    go.open();
    CHECK(running.result() == 1);
}

TEST_CASE("callbacks of calls that a broken pool gives up may use the pool", "[thread_pool]") {
    support::Gate go;
    Pool pool({.max_workers = 1, .initializer = [&] {
                   go.wait();
                   throw std::runtime_error("no");
               }});
    std::atomic<int> refused = 0;
    support::Gate told;
    pool.submit([] {}).add_done_callback([&](const cf::Future<void>&) {
        static_cast<void>(pool.stats());
        try {
            pool.submit([] {});
        } catch (const cf::BrokenThreadPool&) {
            ++refused;
        }
        pool.shutdown({.wait = false});
        told.open();
    });
    go.open();
    told.wait();
    CHECK(refused == 1);
}

TEST_CASE("a worker_exit that throws is reported and harms nobody", "[thread_pool]") {
    Events<std::exception_ptr> reported;
    {
        Pool pool({.max_workers = 2,
                   .worker_exit = [] { throw std::runtime_error("on the way out"); },
                   .on_unhandled_exception = [&](std::exception_ptr e) { reported.add(std::move(e)); }});
        const Blockade busy(pool, 2);
    }
    CHECK(reported.all().size() == 2);
}

TEST_CASE("initializer and worker_exit may use the pool", "[thread_pool]") {
    std::atomic<int> from_initializer = 0;
    std::atomic<bool> refused = false;
    std::optional<Pool> pool;
    pool.emplace(cf::ThreadPoolOptions{
        .max_workers = 1,
        .initializer = [&] { from_initializer = pool->submit([] { return 1; }).result(); },
        .worker_exit =
            [&] {
                try {
                    pool->post([] {});
                } catch (const cf::ShutdownError&) {
                    refused = true;
                }
            }});
    pool->submit([] {}).result();
    CHECK(from_initializer == 1);
    pool->shutdown();
    CHECK(refused);
}

// ---- exceptions without a future ----

TEST_CASE("what posted calls and callbacks throw goes to the hook", "[thread_pool]") {
    Events<std::string> reported;
    Pool pool({.max_workers = 1, .on_unhandled_exception = [&](const std::exception_ptr& error) {
                   try {
                       std::rethrow_exception(error);
                   } catch (const std::exception& e) {
                       reported.add(e.what());
                   } catch (...) {
                       reported.add("no std::exception");
                   }
               }});
    pool.post([] { throw std::runtime_error("posted"); });
    pool.post([] { throw 42; });
    support::Gate go;
    const auto future = pool.submit([&] { go.wait(); });
    future.add_done_callback([](const cf::Future<void>&) { throw std::runtime_error("callback"); });
    go.open();
    pool.shutdown();
    future.add_done_callback([](const cf::Future<void>&) { throw std::runtime_error("at once"); });
    CHECK(reported.all() ==
          std::vector<std::string>{"posted", "no std::exception", "callback", "at once"});
}

TEST_CASE("the hook is there for callbacks that run after the pool is gone", "[thread_pool]") {
    Events<int> reported;
    cf::Future<int> future;
    {
        Pool pool({.max_workers = 1,
                   .on_unhandled_exception = [&](const std::exception_ptr&) { reported.add(1); }});
        future = pool.submit([] { return 1; });
    }
    future.add_done_callback([](const cf::Future<int>&) { throw 1; });
    CHECK(reported.all().size() == 1);
}

TEST_CASE("a hook that throws harms nobody", "[thread_pool]") {
    Pool pool({.max_workers = 1, .on_unhandled_exception = [](const std::exception_ptr&) {
                   throw std::runtime_error("expected: thrown by the hook");
               }});
    pool.post([] { throw 1; });
    CHECK(pool.submit([] { return 2; }).result() == 2);
}

TEST_CASE("the hook hears of a posted call that the submitter runs itself", "[thread_pool]") {
    Events<int> reported;
    Pool pool({.max_workers = 1,
               .max_pending = 1,
               .on_full = cf::QueueFull::caller_runs,
               .on_unhandled_exception = [&](const std::exception_ptr&) { reported.add(1); }});
    const Blockade busy(pool);
    pool.post([] {});
    pool.post([] { throw 1; });
    CHECK(reported.all().size() == 1);
}

TEST_CASE("the hook hears of a posted call that a broken pool gives up", "[thread_pool]") {
    Events<std::string> reported;
    {
        Pool pool({.max_workers = 1,
                   .initializer = [] { throw std::runtime_error("no licence"); },
                   .on_unhandled_exception = [&](const std::exception_ptr& error) {
                       try {
                           std::rethrow_exception(error);
                       } catch (const cf::BrokenThreadPool& e) {
                           reported.add(e.what());
                       }
                   }});
        pool.post([] {});
    }
    REQUIRE(reported.all().size() == 1);
    CHECK(reported.all()[0].find("no licence") != std::string::npos);
}

TEST_CASE("request_stop() on a call that a broken pool gave up does nothing", "[thread_pool]") {
    Pool pool({.max_workers = 1, .initializer = [] { throw std::runtime_error("no licence"); }});
    const auto given_up = pool.submit([](std::stop_token) {});
    CHECK_THROWS_AS(given_up.result(), cf::BrokenThreadPool);
    given_up.request_stop();
    CHECK_FALSE(given_up.cancelled());
}

// ---- shutdown and the end ----

TEST_CASE("a call may shut down its own pool, and wait", "[thread_pool]") {
    Pool pool(2);
    const auto future = pool.submit([&] {
        pool.shutdown();
        pool.shutdown_for(1h);
        return 1;
    });
    CHECK(future.result() == 1);
    pool.shutdown();
    CHECK(pool.stats().workers == 0);
}

TEST_CASE("a call that was run out of turn is not cancelled by shutdown as well", "[thread_pool]") {
    Pool pool(1);
    pool.submit([&] {
        pool.submit([] {}).result();
        pool.shutdown({.wait = false, .cancel_futures = true});
    }).result();
    pool.shutdown();
    CHECK(pool.stats().completed == 2);
    CHECK(pool.stats().cancelled == 0);
}

TEST_CASE("the destructor cancels what waits, if that is asked for", "[thread_pool]") {
    cf::Future<int> waiting, running;
    {
        Pool pool({.max_workers = 1, .on_destroy = cf::OnDestroy::cancel_pending});
        support::Gate started, go;
        running = pool.submit([&] {
            started.open();
            go.wait();
            return 1;
        });
        started.wait();
        waiting = pool.submit([] { return 2; });
        waiting.add_done_callback([&](const cf::Future<int>&) { go.open(); });
        // `go` opens when the destructor cancels; it must outlive the pool's last call.
        pool.shutdown({.wait = false});
        CHECK_FALSE(waiting.done());
        waiting.cancel();
        running.wait();
    }
    CHECK(waiting.cancelled());
    CHECK(running.result() == 1);
    support::Gate started, go;
    {
        Pool pool({.max_workers = 1, .on_destroy = cf::OnDestroy::cancel_pending});
        running = pool.submit([&] {
            started.open();
            go.wait();
            return 3;
        });
        started.wait();
        waiting = pool.submit([] { return 4; });
        waiting.add_done_callback([&](const cf::Future<int>&) { go.open(); });
    }
    CHECK(waiting.cancelled());
    CHECK(running.result() == 3);
}

TEST_CASE("the last owner of a pool may be one of its own calls", "[thread_pool]") {
    support::Gate released;
    const auto exited = std::make_shared<support::Gate>();
    cf::Future<int> future;
    {
        auto pool = std::make_shared<Pool>(
            cf::ThreadPoolOptions{.max_workers = 1, .worker_exit = [exited] { exited->open(); }});
        Pool& raw = *pool;
        future = raw.submit([&released, mine = pool]() mutable {
            released.wait();
            mine.reset();
            return 5;
        });
    }
    released.open();
    CHECK(future.result() == 5);
    exited->wait();
}

TEST_CASE("the last owner of a pool may be a callback in its own worker", "[thread_pool]") {
    support::Gate go;
    const auto exited = std::make_shared<support::Gate>();
    {
        auto pool = std::make_unique<Pool>(
            cf::ThreadPoolOptions{.max_workers = 2, .worker_exit = [exited] { exited->open(); }});
        Pool& raw = *pool;
        raw.submit([&] { go.wait(); }).add_done_callback(
            [mine = std::move(pool)](const cf::Future<void>&) mutable { mine.reset(); });
    }
    go.open();
    exited->wait();
}

TEST_CASE("a map that is fetched bit by bit outlives its pool", "[thread_pool]") {
    std::optional<Pool> pool(std::in_place, 1);
    auto results = pool->map({.buffersize = 2}, [](int i) { return i; }, std::vector{0, 1, 2, 3});
    pool.reset();
    auto it = results.begin();
    CHECK(*it == 0);
    ++it;
    CHECK(*it == 1);
    ++it;
    CHECK_THROWS_AS(*it, cf::ShutdownError);
}

TEST_CASE("a call and what it holds are gone when it has run, though its future is dropped",
          "[thread_pool]") {
    Pool pool(1);
    auto held = std::make_shared<int>(1);
    const std::weak_ptr<int> seen = held;
    static_cast<void>(pool.submit([h = std::move(held)] { return *h; }));
    pool.submit([] {}).result();
    CHECK(seen.expired());
    auto posted = std::make_shared<int>(1);
    const std::weak_ptr<int> seen_posted = posted;
    pool.post([h = std::move(posted)] {});
    pool.submit([] {}).result();
    CHECK(seen_posted.expired());
}

TEST_CASE("options that make no sense are refused", "[thread_pool]") {
    CHECK_THROWS_AS(Pool(cf::ThreadPoolOptions{.max_workers = 65537}), std::invalid_argument);
    CHECK_THROWS_AS(Pool(cf::ThreadPoolOptions{.idle_timeout = -1s}), std::invalid_argument);
    Pool pool(1);
    CHECK_THROWS_AS(pool.submit({.timeout = 1s}, [] {}), std::invalid_argument);
    CHECK(pool.stats().workers == 0);
}

TEST_CASE("when the copy of an argument throws nothing is queued and no thread started",
          "[thread_pool]") {
    struct Unwilling {
        Unwilling() = default;
        Unwilling(const Unwilling&) { throw std::runtime_error("no copies"); }
        Unwilling& operator=(const Unwilling&) = delete;
        ~Unwilling() = default;
    };
    Pool pool(1);
    const Unwilling argument;
    CHECK_THROWS_AS(pool.submit([](const Unwilling&) {}, argument), std::runtime_error);
    CHECK_THROWS_AS(pool.post([](const Unwilling&) {}, argument), std::runtime_error);
    CHECK(pool.stats().workers == 0);
    CHECK(pool.stats().pending == 0);
}

// ---- fork() in the user's code ----

TEST_CASE("in a forked child a pool of the parent refuses work and can be destroyed",
          "[thread_pool]") {
    auto pool = std::make_unique<Pool>(2);
    Blockade busy(*pool);
    const auto waiting = pool->submit([] { return 1; });
    const auto code = [&](auto work) {
        const pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) ::_exit(work());
        int status = 0;
        REQUIRE(support::wait_for_end(child, &status) == child);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    };
    CHECK(code([&] {
              int refused = 0;
              try {
                  pool->submit([] {});
              } catch (const cf::BrokenThreadPool& error) {
                  refused += std::string(error.what()).find("fork") != std::string::npos;
              }
              try {
                  pool->post([] {});
              } catch (const cf::BrokenThreadPool&) {
                  ++refused;
              }
              static_cast<void>(pool->stats());
              pool->shutdown();
              pool.reset();
              return refused == 2 ? 7 : 1;
          }) == 7);
    busy.open();
    CHECK(waiting.result() == 1);
    CHECK(pool->submit([] { return 2; }).result() == 2);
}

TEST_CASE("a call may fork, and its child may leave", "[thread_pool]") {
    Pool pool(2);
    const auto status = pool.submit([&] {
        const pid_t child = ::fork();
        if (child == 0) ::_exit(9);
        int result = 0;
        support::wait_for_end(child, &result);
        return result;
    });
    CHECK(WEXITSTATUS(status.result()) == 9);
}

TEST_CASE("submit_all submits each callable of a range, in order", "[thread_pool_executor]") {
    cf::ThreadPoolExecutor pool(1);
    std::vector<int> order;
    std::vector<std::function<int()>> calls;
    for (int n = 0; n < 1000; ++n)
        calls.push_back([&order, n] {
            order.push_back(n);
            return n * n;
        });
    const std::vector<cf::Future<int>> futures = pool.submit_all(calls);
    REQUIRE(futures.size() == 1000);
    for (std::size_t n = 0; n < 1000; ++n) REQUIRE(futures[n].result() == static_cast<int>(n * n));
    for (std::size_t n = 0; n < 1000; ++n) REQUIRE(order[n] == static_cast<int>(n));
    CHECK(calls[7]);  // an lvalue range is copied from
    CHECK(pool.submit_all(std::vector<std::function<int()>>{}).empty());
}

TEST_CASE("submit_all from inside a call, waited for there, on one worker", "[thread_pool_executor]") {
    cf::ThreadPoolExecutor pool(1);
    CHECK(pool.submit([&] {
        std::vector<std::function<int()>> calls;
        for (int n = 0; n < 100; ++n) calls.push_back([n] { return n; });
        int sum = 0;
        for (const auto& future : pool.submit_all(calls)) sum += future.result();
        return sum;
    }).result() == 4950);
}

TEST_CASE("submit_all and post_all move the callables of an rvalue range", "[thread_pool_executor]") {
    struct MoveOnly {
        std::unique_ptr<int> value;
        int operator()() const { return *value; }
    };
    cf::ThreadPoolExecutor pool(2);
    std::vector<MoveOnly> calls;
    for (int n = 0; n < 10; ++n) calls.push_back({std::make_unique<int>(n)});
    int sum = 0;
    for (const auto& future : pool.submit_all(std::move(calls))) sum += future.result();
    CHECK(sum == 45);

    std::atomic<int> posted = 0;
    struct Post {
        std::unique_ptr<int> value;
        std::atomic<int>* sum;
        void operator()() const { *sum += *value; }
    };
    std::vector<Post> posts;
    for (int n = 0; n < 10; ++n) posts.push_back({std::make_unique<int>(n), &posted});
    pool.post_all(std::move(posts));
    pool.shutdown();
    CHECK(posted == 45);
}

TEST_CASE("submit_all that throws lets none of them run", "[thread_pool_executor]") {
    struct CopiedTwice {
        int* copies;
        std::atomic<int>* ran;
        CopiedTwice(int* c, std::atomic<int>* r) : copies(c), ran(r) {}
        CopiedTwice(const CopiedTwice& other) : copies(other.copies), ran(other.ran) {
            if (++*copies > 2) throw std::runtime_error("no more copies");
        }
        void operator()() const { ++*ran; }
    };
    int copies = -1000;
    std::atomic<int> ran = 0;
    cf::ThreadPoolExecutor pool(2);
    std::vector<CopiedTwice> calls;
    calls.reserve(5);
    for (int n = 0; n < 5; ++n) calls.emplace_back(&copies, &ran);
    copies = 0;
    CHECK_THROWS_AS(pool.submit_all(calls), std::runtime_error);
    copies = 0;
    CHECK_THROWS_AS(pool.post_all(calls), std::runtime_error);
    pool.shutdown();
    CHECK(ran == 0);
    CHECK_THROWS_AS(pool.submit_all(std::vector{[] {}}), cf::ShutdownError);
    CHECK_THROWS_AS(pool.post_all(std::vector{[] {}}), cf::ShutdownError);
}

TEST_CASE("submit_all keeps to max_pending", "[thread_pool_executor]") {
    cf::ThreadPoolExecutor pool({.max_workers = 1, .max_pending = 2, .on_full = cf::QueueFull::raise});
    support::Gate started, finish;
    std::atomic<int> ran = 0;
    const auto blocker = pool.submit([&] {
        started.open();
        finish.wait();
    });
    started.wait();
    CHECK_THROWS_AS(pool.submit_all(std::vector(3, [&] { ++ran; })), cf::QueueFullError);
    const auto fits = pool.submit_all(std::vector(2, [&] { ++ran; }));
    finish.open();
    pool.shutdown();
    CHECK(ran == 2);
    CHECK(fits[1].done());
}

TEST_CASE("post_all keeps to max_pending; what was taken before it threw runs", "[thread_pool_executor]") {
    cf::ThreadPoolExecutor pool({.max_workers = 1, .max_pending = 2, .on_full = cf::QueueFull::raise});
    support::Gate started, finish;
    std::atomic<int> ran = 0;
    pool.post([&] {
        started.open();
        finish.wait();
    });
    started.wait();
    int made = 0;
    CHECK_THROWS_AS(pool.post_all(std::views::iota(0, 100) | std::views::transform([&](int) {
                                      ++made;
                                      return [&] { ++ran; };
                                  })),
                    cf::QueueFullError);
    CHECK(made == 3);  // one after the other, as there is room
    CHECK(pool.stats().pending == 2);
    finish.open();
    pool.wait_idle();
    CHECK(ran == 2);
    pool.post_all(std::vector(2, [&] { ++ran; }));
    pool.shutdown();
    CHECK(ran == 4);
}

TEST_CASE("post_all waits while a pool with max_pending is full", "[thread_pool_executor]") {
    std::atomic<int> ran = 0;
    cf::ThreadPoolExecutor pool({.max_workers = 2, .max_pending = 1});
    pool.post_all(std::vector(100, [&] { ++ran; }));
    pool.shutdown();
    CHECK(ran == 100);
}

TEST_CASE("post_all runs in its caller what a pool with max_pending has no room for", "[thread_pool_executor]") {
    cf::ThreadPoolExecutor pool({.max_workers = 1, .max_pending = 1, .on_full = cf::QueueFull::caller_runs});
    support::Gate started, finish;
    const auto caller = std::this_thread::get_id();
    std::atomic<int> here = 0, there = 0;
    pool.post([&] {
        started.open();
        finish.wait();
    });
    started.wait();
    pool.post_all(std::vector(5, [&] { ++(std::this_thread::get_id() == caller ? here : there); }));
    CHECK(here == 4);
    finish.open();
    pool.shutdown();
    CHECK(here == 4);
    CHECK(there == 1);
}

TEST_CASE("shutdown() may be called in a stop callback on timeout, and does not wait there",
          "[thread_pool_executor]") {
    // The call may wait for its callback: the destructor of a std::stop_callback does.
    const bool destroys = GENERATE(false, true);
    auto pool = std::make_unique<Pool>(1);
    support::Gate over;
    auto call = pool->submit({.timeout = 1ms}, [&](std::stop_token token) {
        support::Gate asked;
        const std::stop_callback callback(token, [&] {
            asked.open();
            destroys ? pool.reset() : pool->shutdown();
            over.open();
        });
        asked.wait();
    });
    CHECK_THROWS_AS(call.result(), cf::TaskTimeoutError);
    over.wait();
    if (!destroys) CHECK_THROWS_AS(pool->submit([] {}), cf::ShutdownError);
}

TEST_CASE("a stop callback that takes its time delays the limit of no other call", "[thread_pool_executor]") {
    support::Gate busy, go_on;
    Pool pool(2);
    auto slow = pool.submit({.timeout = 1ms}, [&](std::stop_token token) {
        const std::stop_callback callback(token, [&] {
            busy.open();
            go_on.wait();
        });
        busy.wait();
    });
    busy.wait();
    auto other = pool.submit({.timeout = 1ms}, [](std::stop_token token) {
        while (!token.stop_requested()) std::this_thread::yield();
    });
    CHECK_THROWS_AS(other.result(), cf::TaskTimeoutError);
    go_on.open();
    CHECK_THROWS_AS(slow.result(), cf::TaskTimeoutError);
}

TEST_CASE("wait_idle() waits for tasks that tasks submit, and a task that calls it gets an error", "[threads]") {
    cf::ThreadPoolExecutor pool(2);
    std::atomic<int> ended{0};
    std::function<void(int)> grow = [&](int depth) {
        if (depth > 0)
            for (int child = 0; child < 2; ++child) pool.post(grow, depth - 1);
        ++ended;
    };
    pool.post(grow, 8);
    pool.wait_idle();
    CHECK(ended == 511);
    CHECK_THROWS_AS(pool.submit([&] { pool.wait_idle(); }).result(), std::system_error);
    // A task of another pool may wait.
    cf::ThreadPoolExecutor other(1);
    pool.post(grow, 3);
    other.submit([&] { pool.wait_idle(); }).result();
    CHECK(ended == 511 + 15);
}

TEST_CASE("cancel_pending() makes room for a submitter that waits at max_pending", "[threads]") {
    support::Gate gate;
    cf::ThreadPoolExecutor pool({.max_workers = 1, .max_pending = 1});
    const auto running = pool.submit([&] { gate.wait(); });
    REQUIRE(support::eventually([&] { return running.running(); }));
    const auto waiting = pool.submit([] {});
    std::atomic<bool> submitted{false};
    std::thread submitter([&] {
        pool.submit([] {});
        submitted = true;
    });
    CHECK(support::eventually([&] {
        pool.cancel_pending();
        return submitted.load();
    }));
    submitter.join();
    CHECK(waiting.cancelled());
    gate.open();
    pool.wait_idle();
    CHECK(running.done());
}

}  // namespace
