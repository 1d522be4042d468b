// SPDX-License-Identifier: MIT
//
// The rule for workers that block: what runs on the stack of a wait, and who works meanwhile.
#include <concurrent/futures/as_completed.hpp>
#include <concurrent/futures/detail/state/blocking.hpp>
#include <concurrent/futures/promise.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>
#include <concurrent/futures/wait.hpp>
#include <concurrent/futures/when_all.hpp>

#include <array>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "support/deadline.hpp"
#include "support/eventually.hpp"
#include "support/gate.hpp"

namespace {

namespace cf = concurrent::futures;
using namespace std::chrono_literals;
using Pool = cf::ThreadPoolExecutor;
constexpr std::size_t most_substitutes = cf::detail::BlockingWorker::most_substitutes;

TEST_CASE("what the awaited call submits does not run on the stack of the wait", "[blocking]") {
    Pool pool(2);
    support::Gate y_runs("y runs"), z_ran("z ran");
    std::thread::id x_thread, z_thread;
    const auto x = pool.submit([&] {
        x_thread = std::this_thread::get_id();
        const auto y = pool.submit([&] {
            y_runs.open();
            pool.post([&] {
                z_thread = std::this_thread::get_id();
                z_ran.open();
            });
            z_ran.wait();
            return 1;
        });
        y_runs.wait();  // on the other worker
        return y.result();
    });
    CHECK(x.result() == 1);
    CHECK(x_thread != z_thread);
}

TEST_CASE("a wait with a limit runs nothing itself, however long a call of its pool takes", "[blocking]") {
    Pool pool(1);
    support::Gate done_waiting("done waiting");
    pool.submit([&] {
        const auto slow = pool.submit([&] { done_waiting.wait(); });
        CHECK(slow.wait_for(1ms) == std::future_status::timeout);
        CHECK_THROWS_AS(slow.result(1ms), cf::TimeoutError);
        CHECK_THROWS_AS(slow.exception(1ms), cf::TimeoutError);
        CHECK(cf::wait(std::array{slow}, {.timeout = 1ms}).done.empty());
        CHECK_THROWS_AS(cf::as_completed(std::array{slow}, 1ms).begin(), cf::TimeoutError);
        CHECK_THROWS_AS(cf::when_all(std::vector{slow}).result(1ms), cf::TimeoutError);
        const auto all = std::vector{1, 2};
        const auto slow_item = [&](int) { done_waiting.wait(); };
        const auto first_of = [](auto results) { *results.begin(); };
        CHECK_THROWS_AS(first_of(pool.map({.timeout = 1ms}, slow_item, all)), cf::TimeoutError);
        CHECK_THROWS_AS(first_of(pool.map_unordered({.timeout = 1ms}, slow_item, all)), cf::TimeoutError);
        CHECK_THROWS_AS(first_of(pool.map({.timeout = 1ms, .buffersize = 1}, slow_item, all)), cf::TimeoutError);
        CHECK_THROWS_AS(first_of(pool.map_unordered({.timeout = 1ms, .buffersize = 1}, slow_item, all)),
                        cf::TimeoutError);
        done_waiting.open();
        slow.wait();
    }).result();
}

TEST_CASE("of several calls that can end a wait none runs on its stack: it may need what comes after the wait",
          "[blocking]") {
    Pool pool(2);
    pool.submit([&] {
        support::Gate after("after the wait");
        const auto submit_both = [&] {
            return std::vector{pool.submit([&] {
                                   after.wait();
                                   return 1;
                               }),
                               pool.submit([] { return 2; })};
        };
        const auto check = [&](int first, const std::vector<cf::Future<int>>& both) {
            CHECK(first == 2);
            after.open();
            cf::wait(both);
        };
        SECTION("wait") {
            const auto both = submit_both();
            const auto ended = cf::wait(both, {.return_when = cf::ReturnWhen::first_completed}).done;
            check(ended.at(0).result(), both);
        }
        SECTION("as_completed") {
            const auto both = submit_both();
            auto range = cf::as_completed(both);
            check(range.begin()->result(), both);
        }
        SECTION("when_any") {
            const auto both = submit_both();
            const auto any = cf::when_any(both).result();
            check(any.futures[any.index].result(), both);
        }
        SECTION("map_unordered") {
            const auto call = [&](int n) {
                if (n == 1) after.wait();
                return n;
            };
            const bool buffered = GENERATE(false, true);
            cf::MapOptions options;
            if (buffered) options.buffersize = 2;
            auto results = pool.map_unordered(options, call, std::vector{1, 2});
            auto place = results.begin();
            check(*place, {});
            CHECK(*++place == 1);
        }
    }).result();
}

TEST_CASE("an item of a map may need what the loop over the map does for the one before it", "[blocking]") {
    const int count = GENERATE(2, 200);
    Pool pool(1);
    pool.submit([&] {
        std::deque<support::Gate> gates(static_cast<std::size_t>(count) + 1);
        gates[0].open();
        std::vector<int> items;
        for (int n = 0; n < count; ++n) items.push_back(n);
        int sum = 0;
        for (const int n : pool.map(
                 [&](int item) {
                     gates[static_cast<std::size_t>(item)].wait();
                     return item;
                 },
                 items)) {
            gates[static_cast<std::size_t>(n) + 1].open();
            sum += n;
        }
        CHECK(sum == count * (count - 1) / 2);
    }).result();
}

TEST_CASE("wait() for the first does not depend on the order of the futures", "[blocking]") {
    const bool last = GENERATE(true, false);
    cf::Promise<void> gate;
    const auto open = gate.get_future();
    support::Gate runs("the other pool's call runs");
    Pool pool(1), other(1);  // end first: their calls use what is above
    pool.submit([&] {
        const auto running = other.submit([&] {
            runs.open();
            open.wait();
        });
        runs.wait();
        const auto mine = pool.submit([&] { gate.set_value(); });
        const auto queued = other.submit([] {});
        const auto all = last ? std::vector{running, queued, mine} : std::vector{mine, running, queued};
        CHECK_FALSE(cf::wait(all, {.return_when = cf::ReturnWhen::first_completed}).done.empty());
    }).result();
}

int around(std::deque<Pool>& pools, std::size_t level) {
    if (level == 0) return 0;
    return 1 + pools[level % pools.size()].submit(around, std::ref(pools), level - 1).result();
}

TEST_CASE("pools whose calls wait for each other do not deadlock, also beyond the bound of threads",
          "[blocking]") {
    const std::size_t count = GENERATE(2u, 3u);
    const std::size_t level = support::sanitized ? 50 : count * (most_substitutes + 5);
    std::deque<Pool> pools;
    for (std::size_t pool = 0; pool < count; ++pool) pools.emplace_back(1);
    CHECK(pools[0].submit(around, std::ref(pools), level).result() == static_cast<int>(level));
}

TEST_CASE("many calls that wait for what no worker can do take no thread each", "[blocking]") {
    constexpr int calls = 3000;
    Pool pool(2);
    cf::Promise<int> promise;
    const auto awaited = promise.get_future().then([](int n) { return n; });
    std::vector<cf::Future<int>> waiting;
    for (int n = 0; n < calls; ++n) waiting.push_back(pool.submit([awaited] { return awaited.result(); }));
    CHECK(support::eventually([&] { return pool.stats().workers >= 2 + most_substitutes; }));
    // One more for each hundredth of a second while calls are queued, so a busy machine may have many more.
    CHECK(pool.stats().workers < calls / 2);
    promise.set_value(7);
    for (const auto& call : waiting) CHECK(call.result() == 7);
}

TEST_CASE("a queued call that fulfils a promise gets a worker while all wait for it", "[blocking]") {
    Pool pool(2);
    cf::Promise<int> promise;
    const auto awaited = promise.get_future();
    std::vector<cf::Future<int>> waiting;
    for (int n = 0; n < 20; ++n)
        waiting.push_back(pool.submit([awaited] {
            cf::wait(std::array{awaited});
            return awaited.result();
        }));
    pool.post([&] { promise.set_value(3); });
    for (const auto& call : waiting) CHECK(call.result() == 3);
}

TEST_CASE("a worker that waits for room in another pool has a substitute", "[blocking]") {
    Pool pool(1), bounded({.max_workers = 1, .max_pending = 1});
    pool.submit([&] {
        for (int n = 0; n < 20; ++n) bounded.post([&] { pool.submit([] {}).wait(); });
    }).result();
    bounded.shutdown();
    CHECK(bounded.stats().completed == 20);
}

TEST_CASE("a worker that shuts down another pool, whose calls need this pool, has a substitute", "[blocking]") {
    Pool pool(1);
    pool.submit([&] {
        Pool other(1);
        other.post([&] { pool.submit([] {}).wait(); });
        other.shutdown();
        CHECK(other.stats().completed == 1);
    }).result();
}

TEST_CASE("the lock that a waiting call holds is wanted by nothing on its stack", "[blocking]") {
    Pool pool(2);
    std::mutex mutex;
    std::vector<cf::Future<int>> calls;
    for (int n = 0; n < 20; ++n)
        calls.push_back(pool.submit([&] {
            const std::lock_guard lock(mutex);
            int sum = 0;
            for (int i = 0; i < 10; ++i) pool.post([&] { const std::lock_guard also(mutex); });
            for (int i = 0; i < 10; ++i) sum += pool.submit([i] { return i; }).result();
            return sum;
        }));
    for (const auto& call : calls) CHECK(call.result() == 45);
}

TEST_CASE("a recursion of waits goes on on another thread when a stack is nearly full", "[blocking]") {
    Pool pool(1);
    std::function<int(int)> descend = [&](int level) -> int {
        return level == 0 ? 0 : 1 + pool.submit(std::cref(descend), level - 1).result();
    };
    const int levels = support::sanitized ? 300 : 30'000;
    CHECK(pool.submit(std::cref(descend), levels).result() == levels);
}

TEST_CASE("a wait for all links of a long chain follows each link once", "[blocking]") {
    Pool pool(1);
    const int length = support::sanitized ? 1'000 : 50'000;
    const auto done = pool.submit([&] {
        std::vector<cf::Future<int>> links{pool.submit([] { return 1; })};
        for (int n = 0; n < length; ++n) links.push_back(links.back().then([](int value) { return value; }));
        CHECK(cf::wait(links, {.timeout = 0s}).done.empty());
        return cf::wait(links).done.size();
    });
    CHECK(done.result() == static_cast<std::size_t>(length) + 1);
}

TEST_CASE("a pool comes back to max_workers threads when nobody blocks", "[blocking]") {
    Pool pool(2);
    cf::Promise<int> promise;
    const auto awaited = promise.get_future();
    std::vector<cf::Future<int>> waiting;
    for (int n = 0; n < 20; ++n) waiting.push_back(pool.submit([awaited] { return awaited.result(); }));
    CHECK(support::eventually([&] { return pool.stats().workers > 10; }));
    promise.set_value(1);
    cf::wait(waiting);
    CHECK(support::eventually([&] { return pool.stats().workers <= 2; }));
    CHECK(pool.submit([] { return 5; }).result() == 5);
}

/// Callbacks of promises run inside each other up to a depth; from there on they are put off. `last` is called there.
void fulfil_in_each_other(int more, const std::function<void()>& last) {
    if (more == 0) return last();
    cf::Promise<int> promise;
    promise.get_future().add_done_callback([=](const cf::Future<int>&) { fulfil_in_each_other(more - 1, last); });
    promise.set_value(0);
}

TEST_CASE("callbacks that a thread has put off run before it blocks, wherever that is", "[blocking]") {
    enum class Where { result, map, map_unordered, room, shutdown };
    const Where where = GENERATE(Where::result, Where::map, Where::map_unordered, Where::room, Where::shutdown);
    CAPTURE(static_cast<int>(where));
    Pool pool({.max_workers = 2, .max_pending = where == Where::room ? 1u : 0u});
    cf::Promise<int> promise;
    auto following = promise.get_future().then([](int n) { return n + 1; });
    bool was_put_off = false;
    int sum = 0;
    fulfil_in_each_other(64, [&] {
        promise.set_value(1);
        was_put_off = !following.done();
        const auto call = [following](int n) { return following.result() + n; };
        const std::vector numbers{1, 2};
        switch (where) {
            case Where::result: sum = following.result(); break;
            case Where::map:
                for (const int n : pool.map({.buffersize = 1}, call, numbers)) sum += n;
                break;
            case Where::map_unordered:
                for (const int n : pool.map_unordered({.buffersize = 1}, call, numbers)) sum += n;
                break;
            case Where::room:
                for (int i = 0; i < 5; ++i) pool.post(call, 1);
                sum = 1;
                break;
            case Where::shutdown:
                pool.post(call, 1);
                pool.shutdown();
                sum = 1;
                break;
        }
    });
    CHECK(was_put_off);
    CHECK(sum == (where == Where::map || where == Where::map_unordered ? 7 : where == Where::result ? 2 : 1));
}

}  // namespace
