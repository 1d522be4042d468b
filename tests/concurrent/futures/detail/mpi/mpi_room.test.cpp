// SPDX-License-Identifier: MIT
//
// A submit in an MPI pool with max_pending, when that many tasks wait.
#include <concurrent/futures/bind_task.hpp>
#include <concurrent/futures/detail/mpi/mpi_room.hpp>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <stdexcept>
#include <string>

#include "concurrent/futures/detail/mpi/hub_parts.hpp"
#include "concurrent/futures/detail/wire/full_queue_parts.hpp"

namespace {

using namespace concurrent::futures::detail;
namespace cf = concurrent::futures;

/// Two tasks may wait, and do.
struct FullPool : parts::Hub {
    explicit FullPool(cf::QueueFull on_full)
        : parts::Hub(1), pool(add_pool({.max_workers = 1, .max_pending = 2, .on_full = on_full})) {
        for (parts::Task& task : tasks) submit(pool, task);
    }
    bool wait(bool on_engine_thread = false) {
        HubTables::Lock lock(tables.mutex);
        return room.wait(lock, pool, on_engine_thread);
    }
    /// In the middle of wait(): calls `change` with the mutex when the submitter sleeps, or is about to.
    template <class Change>
    bool wait_until(Change change) {
        const auto wait = [this](HubTables::Lock& lock) { return room.wait(lock, pool, false); };
        return parts::wait_while_changing(tables.mutex, tables.changed, wait, change);
    }

    std::array<parts::Task, 2> tasks;
    MpiPool& pool;
    MpiRoom room{tables};
};

TEST_CASE("with QueueFull::raise an MPI pool says how many tasks wait", "[mpi_room]") {
    FullPool full(cf::QueueFull::raise);
    try {
        full.wait();
        FAIL("it took the task");
    } catch (const cf::QueueFullError& error) {
        CHECK(std::string(error.what()).find(" 2 tasks are waiting") != std::string::npos);
    }
    CHECK(full.wait(true));  // a callback never waits
    static_cast<void>(full.tables.next_queued(full.pool));
    CHECK(full.wait());
}

TEST_CASE("with QueueFull::block a submitter of an MPI pool waits for room, or for the end", "[mpi_room]") {
    FullPool full(cf::QueueFull::block);
    CHECK(full.wait_until([&] { static_cast<void>(full.tables.next_queued(full.pool)); }));
    parts::Task another;
    full.submit(full.pool, another);
    CHECK_THROWS_AS(full.wait_until([&] { full.pool.close(); }), cf::ShutdownError);
}

int attempts = 0;
int fail_once() {
    if (++attempts == 1) throw std::runtime_error("not yet");
    return 7;
}

TEST_CASE("with QueueFull::caller_runs the caller runs the task with all its retries", "[mpi_room]") {
    FullPool full(cf::QueueFull::caller_runs);
    CHECK(!full.wait());
    attempts = 0;
    parts::Task task(encode_call_into(ByteBuffer(), fail_once));
    SECTION("a retry is left") {
        task.limits.retries = 1;
        full.room.run_here(full.pool, task);
        CHECK((task.end == "result" && task.value == 7 && full.pool.completed == 1));
    }
    SECTION("none is left") {
        full.room.run_here(full.pool, task);
        CHECK((task.end == "exception" && task.error == "not yet" && full.pool.failed == 1));
    }
    CHECK(task.references == 0);
}

}  // namespace
