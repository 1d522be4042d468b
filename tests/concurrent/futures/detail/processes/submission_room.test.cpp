// SPDX-License-Identifier: MIT
//
// A submit in a process pool with max_pending, when that many tasks wait.
#include <concurrent/futures/detail/processes/submission_room.hpp>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <concurrent/futures/detail/wire/remote_call.hpp>
#include <cstddef>
#include <memory>
#include <string>

#include "concurrent/futures/detail/processes/pool_parts.hpp"
#include "concurrent/futures/detail/wire/full_queue_parts.hpp"

namespace {

using namespace concurrent::futures::detail;
namespace cf = concurrent::futures;

/// Two tasks may wait, and do.
struct FullPool : parts::Pool {
    explicit FullPool(cf::QueueFull on_full) : parts::Pool({.max_workers = 1, .max_pending = 2, .on_full = on_full}) {
        for (recorded::Task& each : waiting) submit(each);
    }
    bool wait(const RemoteTask& submitted, bool on_manager_thread = false) {
        PoolTables::Lock lock(tables.mutex);
        return room.wait(lock, submitted, on_manager_thread);
    }
    /// Calls `change` with the mutex when the submitter sleeps, or is about to.
    template <class Change>
    bool wait_until(Change change) {
        const auto wait = [this](PoolTables::Lock& lock) { return room.wait(lock, task, false); };
        return parts::wait_while_changing(tables.mutex, tables.room, wait, change);
    }

    SubmissionRoom room{tables};
    std::array<recorded::Task, 2> waiting;
    recorded::Task task;
};

TEST_CASE("with QueueFull::raise a submit beyond max_pending throws and says how many wait", "[submission_room]") {
    FullPool pool(cf::QueueFull::raise);
    try {
        pool.wait(pool.task);
        FAIL("it took the task");
    } catch (const cf::QueueFullError& error) {
        CHECK(std::string(error.what()).find(" 2 tasks are waiting") != std::string::npos);
    }
    REQUIRE(pool.tables.next_queued() == &pool.waiting[0]);
    CHECK(pool.wait(pool.task));
}

TEST_CASE("with QueueFull::caller_runs the caller runs a task that has no timeout", "[submission_room]") {
    FullPool pool(cf::QueueFull::caller_runs);
    CHECK(!pool.wait(pool.task));
    pool.task.limits.timeout = 1;
    pool.tables.closed = true;  // so that this wait ends
    CHECK_THROWS_AS(pool.wait(pool.task), cf::ShutdownError);
}

int twice(int n) { return 2 * n; }

TEST_CASE("a task that its submitter runs counts in the pool's statistics", "[submission_room]") {
    parts::Pool pool;
    SubmissionRoom room(pool.tables);
    recorded::Task good(encode_call(twice, 21));
    room.run_here(good);
    CHECK((good.end == "result" && good.value == 42 && good.references == 0));
    CHECK(pool.tables.completions.counts().completed == 1);
    recorded::Task bad(parts::encoded(1));
    room.run_here(bad);
    CHECK((bad.end == "exception" && bad.references == 0));
    CHECK(pool.tables.completions.counts().failed == 1);
}

TEST_CASE("a task that found room is news for the manager thread, which may be about to sleep", "[submission_room]") {
    parts::Pool pool({.max_workers = 1, .max_pending = 2});
    SubmissionRoom room(pool.tables);
    recorded::Task task;
    {
        PoolTables::Lock lock(pool.tables.mutex);
        REQUIRE(room.wait(lock, task, false));
        room.add(task, cf::Priority::normal);
    }
    CHECK(!pool.tables.queue.intake.has_tasks());
    CHECK(pool.tables.signal.has_news());
    CHECK(pool.tables.next_queued() == &task);
}

TEST_CASE("the manager thread never waits for room", "[submission_room]") {
    CHECK(FullPool(cf::QueueFull::block).wait(recorded::Task(), true));
    CHECK(FullPool(cf::QueueFull::raise).wait(recorded::Task(), true));
}

TEST_CASE("with QueueFull::block a submitter waits until there is room", "[submission_room]") {
    FullPool pool(cf::QueueFull::block);
    RemoteTask* taken = nullptr;
    CHECK(pool.wait_until([&] { taken = pool.tables.next_queued(); }));
    CHECK(taken == &pool.waiting[0]);
}

TEST_CASE("a submitter that waits for room gets the exception of a pool that closes or breaks", "[submission_room]") {
    {
        FullPool pool(cf::QueueFull::block);
        CHECK_THROWS_AS(pool.wait_until([&] { pool.tables.closed = true; }), cf::ShutdownError);
    }
    FullPool pool(cf::QueueFull::block);
    CHECK_THROWS_AS(pool.wait_until([&] { pool.tables.break_pool("a reason"); }), cf::BrokenProcessPool);
    pool.deliver();
    CHECK(pool.waiting[1].error == "a reason");
}

TEST_CASE("a task that its submitter runs does not count as waiting for an observer", "[submission_room]") {
    struct Waiting : cf::Observer {
        void started(const cf::CallEvent& call) override { waiting = call.waiting; }
        std::size_t waiting = 99;
    };
    const auto seen = std::make_shared<Waiting>();
    parts::Pool pool({.max_workers = 1, .observer = seen});
    SubmissionRoom room(pool.tables);
    recorded::Task task(encode_call(twice, 21));
    pool.tables.observer.tell_submitted(task);
    room.run_here(task);
    CHECK((task.value == 42 && seen->waiting == 0));
}

}  // namespace
