// SPDX-License-Identifier: MIT
//
// A pool that pauses. The workers are no processes.
#include <concurrent/futures/detail/processes/pool_control.hpp>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <system_error>

#include "concurrent/futures/detail/processes/pool_parts.hpp"

namespace {

using namespace concurrent::futures::detail;
namespace cf = concurrent::futures;

TEST_CASE("a pool that pauses takes back what was sent and has not started, in its order", "[pool_control]") {
    parts::ThreeTasks pool;
    PoolControl control(pool.tables);
    WorkerLink& worker = pool.worker;
    auto& tasks = pool.tasks;
    control.pause();
    CHECK(!worker.page().start(tasks[1].slot, tasks[1].id));
    CHECK(pool.tables.queue.waiting() == 2);
    CHECK(tasks[0].stage == RemoteTask::Stage::sent);
    pool.dispatcher.dispatch(0);
    CHECK(pool.tables.queue.waiting() == 2);
    CHECK(pool.dispatcher.missing_workers() == 0);
    control.pause();
    control.resume();
    CHECK(pool.tables.next_queued() == &tasks[1]);
    CHECK(pool.tables.next_queued() == &tasks[2]);
}

TEST_CASE("a pool that is shut down or broken does not pause", "[pool_control]") {
    parts::Pool pool;
    PoolControl control(pool.tables);
    CHECK(!control.is_broken());
    pool.tables.closed = true;
    CHECK_THROWS_AS(control.pause(), cf::ShutdownError);
    CHECK_THROWS_AS(control.start_workers(false), cf::ShutdownError);
    pool.tables.break_pool("no licence");
    CHECK(control.is_broken());
    CHECK_THROWS_AS(control.pause(), cf::BrokenProcessPool);
    CHECK_THROWS_AS(control.start_workers(true), std::system_error);
}

TEST_CASE("all workers are missing while somebody waits for them, also in a paused pool", "[pool_control]") {
    parts::Pool pool;
    PoolControl control(pool.tables);
    control.pause();
    CHECK(pool.dispatcher.missing_workers() == 0);
    pool.tables.waits_for_all_workers = 1;
    CHECK(pool.dispatcher.missing_workers() == pool.tables.settings.max_workers);
    pool.add_worker();
    CHECK(pool.dispatcher.missing_workers() == pool.tables.settings.max_workers - 1);
}

}  // namespace
