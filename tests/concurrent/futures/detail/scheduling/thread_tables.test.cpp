// SPDX-License-Identifier: MIT
//
// The tables of a thread pool whose workers have no threads: when it is idle, pauses, closes.
#include <concurrent/futures/detail/scheduling/thread_tables.hpp>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <mutex>
#include <string>
#include <thread>

#include "concurrent/futures/detail/scheduling/thread_parts.hpp"

namespace {

using namespace concurrent::futures::detail;
namespace cf = concurrent::futures;

TEST_CASE("a thread pool is idle when all workers sleep and nothing waits", "[thread_tables]") {
    parts::ThreadPool pool(2);
    CHECK(pool.tables.is_idle());
    Worker& worker = pool.start_worker();
    CHECK(!pool.tables.is_idle());  // it looks for work
    pool.workforce().lie_down(worker);
    CHECK(pool.tables.is_idle());
    parts::ThreadTask task;
    const std::size_t pending = pool.tables.count_pending();
    pool.push(task);
    CHECK(!pool.tables.is_idle());
    CHECK(pool.tables.count_pending() == pending + 1);
    REQUIRE(pool.tables.queues.try_take(worker) == &task);
    CHECK(pool.tables.is_idle());
}

TEST_CASE("a pause keeps tasks in the queues until it ends", "[thread_tables]") {
    parts::ThreadPool pool(1);
    Worker& worker = pool.start_worker();
    parts::ThreadTask task;
    pool.push(task);
    pool.tables.pause();
    CHECK(pool.tables.queues.try_take(worker) == nullptr);
    pool.tables.pause();  // again
    pool.tables.end_pause();
    CHECK(pool.tables.queues.try_take(worker) == &task);
    pool.tables.end_pause();  // again
    CHECK(!pool.workforce().headcount().is_paused());
}

TEST_CASE("a closed pool says why: the first reason stays", "[thread_tables]") {
    parts::ThreadPool pool(1);
    CHECK(!pool.tables.is_broken());
    pool.tables.close("");
    CHECK(!pool.tables.is_broken());
    CHECK_THROWS_AS(pool.tables.throw_closed(), cf::ShutdownError);
    pool.tables.close("first");
    pool.tables.close("second");
    CHECK(pool.tables.is_broken());
    try {
        pool.tables.throw_closed();
    } catch (const cf::BrokenThreadPool& error) {
        CHECK(std::string(error.what()) == "first");
    }
    parts::ThreadTask late;
    CHECK(!pool.tables.queues.inbox.push(late, cf::Priority::normal));
}

TEST_CASE("where no thread can be started what waits is given up", "[thread_tables]") {
    parts::ThreadPool pool(1);
    parts::ThreadTask task;
    pool.push(task);
    parts::ThreadPool::cannot_start = true;
    ThreadTables::Lock lock(pool.tables.mutex);
    pool.tables.bring_or_abandon(lock);
    parts::ThreadPool::cannot_start = false;
    CHECK(!lock.owns_lock());
    CHECK(task.abandoned == 1);
}

TEST_CASE("where workers are left they do the work of those that cannot be started", "[thread_tables]") {
    parts::ThreadPool pool(2);
    Worker& worker = pool.start_worker();
    parts::ThreadTask task;
    pool.push(task);
    parts::ThreadPool::cannot_start = true;
    ThreadTables::Lock lock(pool.tables.mutex);
    pool.tables.bring_or_abandon(lock);
    parts::ThreadPool::cannot_start = false;
    CHECK(task.abandoned == 0);
    CHECK(pool.tables.queues.try_take(worker) == &task);
}

TEST_CASE("a worker that waits inside a task is replaced, and counts again when it goes on", "[thread_tables]") {
    parts::ThreadPool pool(1);
    Worker& worker = pool.start_worker();
    CHECK(pool.workforce().headcount().at_work() == 1);
    BlockingWorker& blocking = worker;
    CHECK(blocking.begin_block() == BlockingWorker::Substitute::possible);
    CHECK(pool.workforce().headcount().at_work() == 0);
    blocking.end_block();
    CHECK(pool.workforce().headcount().at_work() == 1);
}

TEST_CASE("a pause wakes those that wait for an idle pool, if it is idle", "[thread_tables]") {
    for (int round = 0; round < 20; ++round) {
        parts::ThreadPool pool(1);
        Worker& worker = pool.start_worker();
        std::atomic<bool> waits{false};
        bool idle = false;
        std::thread waiter([&] {
            idle = pool.tables.idle_waiters.wait("a pool", false, pool.tables.mutex, Deadline::never(), [&] {
                waits = true;
                return pool.tables.is_idle();
            });
        });
        while (!waits) std::this_thread::yield();
        for (int i = 0; i < 100; ++i) std::this_thread::yield();  // it is likely to sleep by now, and need not
        {
            const std::lock_guard lock(pool.tables.mutex);
            pool.workforce().lie_down(worker);
            pool.tables.pause();
        }
        waiter.join();
        CHECK(idle);
    }
}

TEST_CASE("a paused pool is idle when all that waits was cancelled, and says so", "[thread_tables]") {
    for (int round = 0; round < 20; ++round) {
        parts::ThreadPool pool(1);
        parts::ThreadTask task;
        pool.push(task);
        {
            const std::lock_guard lock(pool.tables.mutex);
            pool.tables.pause();
            CHECK(!pool.tables.is_idle());
        }
        std::atomic<bool> waits{false};
        bool idle = false;
        std::thread waiter([&] {
            idle = pool.tables.idle_waiters.wait("a pool", false, pool.tables.mutex, Deadline::never(), [&] {
                waits = true;
                return pool.tables.is_idle();
            });
        });
        while (!waits) std::this_thread::yield();
        for (int i = 0; i < 100; ++i) std::this_thread::yield();  // it is likely to sleep by now, and need not
        pool.tables.calls().cancelled();
        static_cast<void>(pool.tables.queues.note_spent());
        pool.tables.note_left_behind();
        waiter.join();
        CHECK(idle);
        CHECK(!pool.tables.queues.empty());
        CHECK(pool.tables.queues.abandon_all(nullptr, pool.tables.calls()) == 1);
    }
}

TEST_CASE("a submitter that waits for room until it is woken hears that the pool closes", "[thread_tables]") {
    for (int round = 0; round < 20; ++round) {
        parts::ThreadPool pool(1);
        std::atomic<bool> waits{false};
        std::thread submitter([&] {
            parts::Lock lock(pool.tables.mutex);
            while (!pool.tables.search.is_closed()) {
                waits = true;
                pool.tables.room.wait(lock, true);
            }
        });
        while (!waits) std::this_thread::yield();
        for (int i = 0; i < 100; ++i) std::this_thread::yield();  // it is likely to sleep by now, and need not
        {
            const std::lock_guard lock(pool.tables.mutex);
            pool.tables.close("");
        }
        submitter.join();
        CHECK(pool.tables.search.is_closed());
    }
}

}  // namespace
