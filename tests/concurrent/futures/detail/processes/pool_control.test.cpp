// SPDX-License-Identifier: MIT
//
// A pool that pauses. The workers are no processes.
#include <concurrent/futures/detail/processes/pool_control.hpp>

#include <unistd.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <exception>
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
    {
        const std::lock_guard lock(pool.tables.mutex);
        pool.tables.signal.clear_news();
        pool.tables.signal.fall_asleep();
    }
    control.resume();
    CHECK(!pool.tables.paused);
    CHECK(pool.tables.signal.has_news());
    CHECK(!pool.tables.signal.is_asleep());
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

/// A call of start_workers() in another thread, which waits for the workers.
struct Starting {
    template <class Look>
    auto locked(Look look) {
        const std::lock_guard lock(pool.tables.mutex);
        return look();
    }
    explicit Starting(parts::Pool& its_pool) : pool(its_pool) {
        pool.tables.start_failure = "of an earlier call";
        thread = std::thread([this] {
            try {
                PoolControl(pool.tables).start_workers(false);
                said = "started";
            } catch (const std::exception& error) {
                said = error.what();
            }
        });
        while (!locked([&] { return pool.tables.waits_for_all_workers == 1 || !said.empty(); })) std::this_thread::yield();
    }
    const std::string& end() {
        thread.join();
        return said;
    }

    parts::Pool& pool;
    std::string said;
    std::thread thread;
};

TEST_CASE("start_workers() waits until all are ready, and is news to the manager thread", "[pool_control]") {
    parts::Pool pool({.max_workers = 2});
    Starting starting(pool);
    starting.locked([&] {
        CHECK((pool.tables.start_failure.empty() && pool.tables.signal.has_news()));
        pool.tables.signal.clear_news();
        pool.add_worker();
        return pool.add_worker().life.is_ready();
    });
    CHECK(starting.end() == "started");
    CHECK((pool.tables.waits_for_all_workers == 0 && pool.tables.signal.has_news()));  // to end what is not kept
}

TEST_CASE("start_workers() throws when no worker is on its way and the last start failed", "[pool_control]") {
    parts::Pool pool({.max_workers = 2});
    Starting starting(pool);
    starting.locked([&] {
        pool.tables.start_failure = "no processes left";
        return pool.add_worker().life.is_ready();
    });
    CHECK(starting.end().find("1 of 2 workers could be started: no processes left") != std::string::npos);
}

TEST_CASE("start_workers() throws when the pool breaks or is shut down meanwhile", "[pool_control]") {
    for (const bool breaks : {false, true}) {
        parts::Pool pool({.max_workers = 2});
        Starting starting(pool);
        starting.locked([&] {
            if (breaks) pool.tables.break_pool("no licence");
            return pool.tables.closed = !breaks;
        });
        CHECK((starting.end().find(breaks ? "no licence" : "after shutdown") != std::string::npos));
    }
}

TEST_CASE("tasks that a pause takes back from several workers wait in the order in which they were submitted", "[pool_control]") {
    parts::Pool pool({.max_workers = 2});
    pool.add_worker();
    pool.add_worker();
    std::array<recorded::Task, 4> tasks;
    for (recorded::Task& task : tasks) pool.submit(task);
    pool.dispatcher.dispatch(0);
    for (const recorded::Task& task : tasks) REQUIRE(task.stage == RemoteTask::Stage::sent);
    PoolControl(pool.tables).pause();
    for (recorded::Task& task : tasks) CHECK(pool.tables.next_queued() == &task);
}

TEST_CASE("a worker that has ended has no process number any more", "[pool_control]") {
    parts::Pool pool;
    PoolControl control(pool.tables);
    WorkerLink& worker = pool.add_worker();
    worker.process = ProcessHandle(::getpid(), FileDescriptor());
    CHECK(control.worker_pids(true) == std::vector<int>{::getpid()});
    worker.life.note_exit();
    CHECK(control.worker_pids(true).empty());
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

}  // namespace
