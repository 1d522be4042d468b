// SPDX-License-Identifier: MIT
//
// The contract of every executor, part 3: done callbacks.
#include <atomic>
#include <future>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "contract/executors.hpp"

namespace contract {
namespace {

/// What callbacks saw, in whatever thread they ran.
template <class T>
class Notes {
  public:
    void add(T note) {
        const std::lock_guard lock(mutex_);
        notes_.push_back(std::move(note));
    }
    std::vector<T> all() const {
        const std::lock_guard lock(mutex_);
        return notes_;
    }

  private:
    mutable std::mutex mutex_;
    std::vector<T> notes_;
};

CONTRACT_CASE("a callback runs once, with the future of its call") {
    Notes<cf::Future<int>> notes;
    cf::Future<int> future;
    {
        TestType pool;
        future = pool.submit(square, 4);
        future.add_done_callback([&](cf::Future<int> done) { notes.add(std::move(done)); });
    }
    const auto seen = notes.all();
    REQUIRE(seen.size() == 1);
    CHECK(seen[0] == future);
    CHECK(seen[0].result() == 16);
}

CONTRACT_CASE("a callback of a finished call runs at once, in the thread that adds it") {
    TestType pool;
    const auto future = pool.submit(square, 4);
    future.wait();
    std::thread::id where;
    future.add_done_callback([&](const cf::Future<int>&) { where = std::this_thread::get_id(); });
    CHECK(where == std::this_thread::get_id());
}

CONTRACT_CASE("a callback hears of a failure as well") {
    Notes<std::string> notes;
    {
        TestType pool;
        pool.submit(fail_with, std::string("no luck")).add_done_callback([&](const cf::Future<int>& f) {
            notes.add(message_of([&] { f.result(); }));
        });
    }
    CHECK(notes.all() == std::vector<std::string>{"no luck"});
}

CONTRACT_CASE("a callback may own what cannot be copied") {
    Notes<int> notes;
    {
        TestType pool;
        pool.submit(square, 4).add_done_callback(
            [&, box = std::make_unique<int>(5)](const cf::Future<int>& f) {
                notes.add(*box + f.result());
            });
    }
    CHECK(notes.all() == std::vector<int>{21});
}

CONCURRENT_CASE("callbacks run in the order added") {
    Notes<int> notes;
    {
        BusyPool<TestType> busy;
        for (int i = 0; i < 10; ++i)
            busy.call().add_done_callback([&notes, i](const cf::Future<int>&) { notes.add(i); });
        CHECK(notes.all().empty());
    }
    CHECK(notes.all() == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
}

CONCURRENT_CASE("a callback that throws stops nobody else") {
    Notes<int> notes;
    BusyPool<TestType> busy;
    busy.call().add_done_callback([&](const cf::Future<int>&) { notes.add(1); });
    busy.call().add_done_callback(
        [](const cf::Future<int>&) { throw std::runtime_error("expected: thrown by a callback"); });
    busy.call().add_done_callback([&](const cf::Future<int>&) { notes.add(2); });
    const auto next = busy.pool.submit(square, 3);
    busy.open();
    CHECK(next.result() == 9);
    CHECK(busy.call().result() == 7);
    busy.pool.shutdown();
    CHECK(notes.all() == std::vector<int>{1, 2});
}

CONTRACT_CASE("a callback that throws at once does not throw at the one who adds it") {
    TestType pool;
    const auto future = pool.submit(square, 4);
    future.wait();
    CHECK_NOTHROW(future.add_done_callback(
        [](const cf::Future<int>&) { throw std::runtime_error("expected: thrown at once"); }));
    CHECK(future.result() == 16);
}

CONCURRENT_CASE("callbacks of a cancelled call run inside cancel()") {
    BusyPool<TestType> busy;
    const auto waiting = busy.pool.submit(square, 1);
    std::thread::id where;
    bool cancelled = false;
    waiting.add_done_callback([&](const cf::Future<int>& f) {
        where = std::this_thread::get_id();
        cancelled = f.cancelled();
    });
    CHECK(waiting.cancel());
    CHECK(where == std::this_thread::get_id());
    CHECK(cancelled);
}

CONTRACT_CASE("a callback may submit to the same executor") {
    Notes<cf::Future<int>> notes;
    support::Gate submitted;
    TestType pool(1);
    pool.submit(square, 4).add_done_callback([&](const cf::Future<int>& f) {
        notes.add(pool.submit(square, f.result()));
        submitted.open();
    });
    submitted.wait();
    const auto later = notes.all();
    REQUIRE(later.size() == 1);
    CHECK(later[0].result() == 256);
}

CONCURRENT_CASE("a callback may cancel other calls of the same pool") {
    support::ProcessLog log;
    BusyPool<TestType> busy;
    std::vector<cf::Future<int>> waiting;
    for (int i = 0; i < 5; ++i) waiting.push_back(busy.pool.submit(record, log.path(), i));
    busy.call().add_done_callback([&](const cf::Future<int>&) {
        for (const auto& future : waiting) future.cancel();
    });
    busy.open();
    busy.pool.shutdown();
    // The worker may have begun some of them before the news of the first call was out.
    std::size_t ran = 0;
    for (const auto& future : waiting) ran += !future.cancelled();
    CHECK(log.lines().size() == ran);
    for (const auto& future : waiting) CHECK(future.done());
}

CONTRACT_CASE("a callback may shut the executor down") {
    support::Gate over;
    TestType pool(1);
    pool.submit(square, 4).add_done_callback([&](const cf::Future<int>&) {
        pool.shutdown();
        over.open();
    });
    over.wait();
    CHECK_THROWS_AS(pool.submit(square, 1), cf::ShutdownError);
}

CONCURRENT_CASE("a callback may shut the pool down and cancel what waits") {
    BusyPool<TestType> busy;
    std::vector<cf::Future<int>> waiting;
    for (int i = 0; i < 5; ++i) waiting.push_back(busy.pool.submit(square, i));
    waiting[0].add_done_callback(
        [&](const cf::Future<int>&) { busy.pool.shutdown({.wait = false, .cancel_futures = true}); });
    waiting[0].cancel();
    for (const auto& future : waiting) CHECK(future.cancelled());
    busy.open();
    CHECK(busy.call().result() == 7);
}

CONCURRENT_CASE("what a callback does in shutdown is done outside of all locks") {
    BusyPool<TestType> busy;
    const auto waiting = busy.pool.submit(square, 1);
    std::string submitted;
    waiting.add_done_callback([&](const cf::Future<int>&) {
        static_cast<void>(busy.pool.stats());
        submitted = message_of([&] { busy.pool.submit(square, 2); });
        busy.pool.shutdown({.wait = false});
    });
    busy.pool.shutdown({.wait = false, .cancel_futures = true});
    CHECK(waiting.cancelled());
    CHECK(submitted.find("shutdown") != std::string::npos);
}

CONCURRENT_CASE("the call has ended for everybody before its callbacks run") {
    std::atomic<bool> was_done = false, was_running = true;
    {
        BusyPool<TestType> busy;
        busy.call().add_done_callback([&](const cf::Future<int>& f) {
            was_done = f.done();
            was_running = f.running();
        });
    }
    CHECK(was_done);
    CHECK_FALSE(was_running);
}

/// A call of another pool, which waits for a call of `pool`.
template <class Pool>
cf::Future<int> around(cf::ThreadPoolExecutor& threads, Pool& pool, int n) {
    return threads.submit([&pool, n] { return pool.submit(square, n).result(); });
}

CONCURRENT_CASE("a callback may wait for what needs its own pool, in any way") {
    std::atomic<int> sum = 0;
    {
        TestType pool(1);
        cf::ThreadPoolExecutor threads(1);
        pool.submit(square, 1).add_done_callback([&](const cf::Future<int>& f) {
            int here = f.result() + around(threads, pool, 2).result();
            const std::vector both{around(threads, pool, 3), around(threads, pool, 4)};
            cf::wait(both, {.return_when = cf::ReturnWhen::first_completed});
            for (const auto& done : cf::as_completed(both)) here += done.result();
            const auto last = around(threads, pool, 5);
            while (last.wait_for(1ms) != std::future_status::ready) {
            }
            sum = here + last.result();
        });
        pool.wait_idle();
    }
    CHECK(sum == 1 + 4 + 9 + 16 + 25);
}

CONCURRENT_CASE("a callback that waits for a call of its own pool waits no longer than it says") {
    support::ProcessCounter started;
    support::Gate over;
    std::atomic<std::future_status> status{std::future_status::deferred};
    TestType pool(2);
    support::ProcessGate gate;
    const auto busy = pool.submit(stay, started.path(), gate.path(), 7);
    started.wait_for(1);
    pool.submit(square, 1).add_done_callback([&](const cf::Future<int>&) {
        status = busy.wait_for(1ms);
        over.open();
    });
    over.wait();
    CHECK(status == std::future_status::timeout);
    gate.open();
    CHECK(busy.result() == 7);
}

}  // namespace
}  // namespace contract
