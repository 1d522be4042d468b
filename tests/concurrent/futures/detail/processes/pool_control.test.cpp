// SPDX-License-Identifier: MIT
//
// A pool that pauses. The workers are no processes.
#include <concurrent/futures/detail/processes/pool_control.hpp>

#include <unistd.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

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

TEST_CASE("a task that a pool takes back when it pauses keeps a reference of the worker's table", "[pool_control]") {
    parts::ThreeTasks pool;
    PoolControl(pool.tables).pause();
    CHECK((pool.tasks[1].references == 2 && pool.tasks[2].references == 1));
}

/// start_workers(), while another thread calls `change()` with the mutex once it waits.
template <class Change>
void start_workers_while(parts::Pool& pool, Change change) {
    PoolControl control(pool.tables);
    bool is_over = false;
    std::thread other([&] {
        for (bool done = false; !done; std::this_thread::yield()) {
            const std::lock_guard lock(pool.tables.mutex);
            done = is_over;
            if (done || pool.tables.waits_for_all_workers == 0) continue;
            change();
            done = true;
        }
    });
    struct Join {
        ~Join() {
            {
                const std::lock_guard lock(mutex);
                is_over = true;
            }
            other.join();
        }
        std::mutex& mutex;
        bool& is_over;
        std::thread& other;
    };
    const Join join{pool.tables.mutex, is_over, other};
    control.start_workers(false);
}

TEST_CASE("start_workers() waits until all are ready, whatever a start before has met, and then wants them no more", "[pool_control]") {
    parts::Pool pool({.max_workers = 1});
    pool.tables.start_failure = "an earlier one";
    start_workers_while(pool, [&] { pool.add_worker(); });
    CHECK((pool.tables.waits_for_all_workers == 0 && pool.tables.start_failure.empty()));
    CHECK(pool.tables.signal.has_news());  // what base_workers does not keep may end
}

TEST_CASE("start_workers() tells of a start that fails, of a shutdown, and of a pool that breaks", "[pool_control]") {
    {
        parts::Pool pool({.max_workers = 2});
        pool.add_worker();
        std::string error;
        try {
            start_workers_while(pool, [&] { pool.tables.start_failure = "no descriptor is left"; });
        } catch (const cf::BrokenProcessPool& caught) {
            error = caught.what();
        }
        CHECK(error.find("1 of 2 workers") != std::string::npos);
        CHECK(error.find("no descriptor is left") != std::string::npos);
        CHECK((pool.tables.waits_for_all_workers == 0 && !pool.tables.is_broken()));
    }
    {
        parts::Pool pool;
        CHECK_THROWS_AS(start_workers_while(pool, [&] { pool.tables.closed = true; }), cf::ShutdownError);
        CHECK(pool.tables.waits_for_all_workers == 0);
    }
    parts::Pool pool;
    CHECK_THROWS_WITH(start_workers_while(pool, [&] { pool.tables.break_pool("no licence"); }), "no licence");
    CHECK(pool.tables.waits_for_all_workers == 0);
}

TEST_CASE("the process of a worker that has ended is not among those of the pool", "[pool_control]") {
    parts::Pool pool;
    PoolControl control(pool.tables);
    WorkerLink& worker = pool.add_worker();
    CHECK(control.worker_pids(true).empty());
    worker.process = ProcessHandle(::getpid(), FileDescriptor());  // nothing here sends it a signal
    CHECK(control.worker_pids(false) == std::vector{static_cast<int>(::getpid())});
    worker.life.note_exit();
    CHECK(control.worker_pids(false).empty());
}

}  // namespace
