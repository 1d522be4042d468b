// SPDX-License-Identifier: MIT
//
// When a process pool counts as idle. The test plays manager thread and worker.
#include <concurrent/futures/detail/processes/idle_wait.hpp>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <mutex>
#include <system_error>
#include <thread>

#include "concurrent/futures/detail/processes/pool_parts.hpp"

namespace {

using namespace concurrent::futures::detail;

/// A pool whose manager thread sleeps.
struct SleepingPool : parts::Pool {
    SleepingPool() { tables.signal.fall_asleep(); }
    bool is_idle() { return idle.wait(Deadline::after(std::chrono::seconds(0)), false); }
    IdleWait idle{tables};
};

TEST_CASE("a process pool is idle while its manager thread sleeps and has no news", "[idle_wait]") {
    SleepingPool pool;
    CHECK(pool.is_idle());
    pool.tables.signal.rise();
    CHECK(!pool.is_idle());
    pool.tables.signal.fall_asleep();
    pool.tables.signal.note_news();
    CHECK(!pool.is_idle());
    pool.tables.signal.clear_news();
    CHECK(pool.is_idle());
}

TEST_CASE("a process pool is not idle from a task's submission until its outcome is delivered", "[idle_wait]") {
    SleepingPool pool;
    WorkerLink& worker = pool.add_worker();
    recorded::Task task;
    CHECK(pool.tables.queue.intake.push(task, concurrent::futures::Priority::normal));
    CHECK(!pool.is_idle());  // in the intake
    pool.tables.queue.collect();
    CHECK(!pool.is_idle());  // in the queue
    pool.dispatcher.dispatch(0);
    CHECK(!pool.is_idle());  // with the worker
    REQUIRE(worker.page().start(task.slot, task.id));
    parts::say(worker, FrameType::result, task, parts::encoded(1));
    pool.reader.read(worker);
    CHECK(!pool.is_idle());  // its result has come
    pool.deliver();
    CHECK(task.end == "result");
    CHECK(pool.is_idle());
}

TEST_CASE("when the manager thread has ended a wait ends, whatever the tables say", "[idle_wait]") {
    SleepingPool pool;
    recorded::Task task;
    pool.submit(task);
    CHECK(!pool.is_idle());
    pool.idle.note_end();
    CHECK(pool.is_idle());
}

TEST_CASE("the manager thread cannot wait until its own pool is idle", "[idle_wait]") {
    SleepingPool pool;
    CHECK_THROWS_AS(pool.idle.wait(Deadline::never(), true), std::system_error);
}

TEST_CASE("a codec that waits for an idle pool, while its thread delivers the only result there is, does not wait for itself", "[idle_wait]") {
    SleepingPool pool;
    recorded::Task task;
    bool was_idle = false, others_saw_idle = true;
    task.at_result = [&] {
        was_idle = pool.is_idle();
        std::thread([&] { others_saw_idle = pool.is_idle(); }).join();
    };
    task.ending.body = parts::encoded(1);
    pool.tables.completions.end(task, Ending::Kind::result);
    Ending ending;
    REQUIRE(pool.tables.completions.take_only_result(task, ending) == &task);
    CHECK(pool.tables.completions.deliver_to_waiter(task, ending));
    CHECK((was_idle && !others_saw_idle && pool.is_idle()));
}

}  // namespace
