// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/processes/worker_deaths.hpp>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <string>

#include "concurrent/futures/detail/processes/pool_parts.hpp"

namespace {

using namespace concurrent::futures::detail;
using concurrent::futures::WorkerDeath;
using Stage = RemoteTask::Stage;

void die(parts::Pool& pool, WorkerLink& worker, int signal = SIGSEGV) {
    worker.life.note_reaped({.signal = signal});
    pool.deaths.settle(worker);
}

TEST_CASE("the task that a dead worker ran fails, those behind it wait again in order", "[worker_deaths]") {
    parts::Pool pool;
    WorkerLink& worker = pool.add_worker();
    std::array<recorded::Task, 3> tasks;
    for (recorded::Task& task : tasks) pool.submit(task);
    pool.dispatcher.dispatch(0);
    REQUIRE(worker.page().start(tasks[0].slot, tasks[0].id));
    die(pool, worker);
    CHECK((tasks[0].stage == Stage::ended && tasks[1].stage == Stage::queued && tasks[2].stage == Stage::queued));
    CHECK((pool.tables.workers.empty() && pool.tables.workers.has_removed()));
    CHECK(pool.tables.budget.restarts() == 1);
    CHECK(pool.tables.next_queued() == &tasks[1]);
    CHECK(pool.tables.next_queued() == &tasks[2]);
    pool.deliver();
    CHECK(tasks[0].end == "exception");
    CHECK(tasks[0].error.find("while it ran") != std::string::npos);
    CHECK(tasks[0].error.find("was killed by signal 11") != std::string::npos);
    CHECK(pool.tables.workers.take_removed().size() == 1);
}

TEST_CASE("a result that a dead worker still sent counts", "[worker_deaths]") {
    parts::Pool pool;
    WorkerLink& worker = pool.add_worker();
    recorded::Task task;
    REQUIRE(pool.run(worker, task));
    parts::say(worker, FrameType::result, task, parts::encoded(9));
    die(pool, worker);
    pool.deliver();
    CHECK((task.end == "result" && task.value == 9));
}

TEST_CASE("with retry_task a task dies three times before it fails", "[worker_deaths]") {
    parts::Pool pool({.max_workers = 1, .on_worker_death = WorkerDeath::retry_task});
    recorded::Task task;
    pool.submit(task);
    for (int death = 1; death <= 3; ++death) {
        WorkerLink& worker = pool.add_worker();
        pool.dispatcher.dispatch(0);
        REQUIRE(worker.page().start(task.slot, task.id));
        die(pool, worker);
        CHECK(task.stage == (death < 3 ? Stage::queued : Stage::ended));
    }
}

TEST_CASE("with retry_task a task that was asked to stop is not run again when its worker dies", "[worker_deaths]") {
    parts::Pool pool({.max_workers = 1, .on_worker_death = WorkerDeath::retry_task});
    WorkerLink& worker = pool.add_worker();
    recorded::Task task;
    REQUIRE(pool.run(worker, task));
    REQUIRE(pool.deadlines.request_stop(task));
    die(pool, worker);  // not by the pool: its time to stop is not over
    CHECK(task.stage == Stage::ended);
    pool.deliver();
    CHECK(task.end == "exception");
}

TEST_CASE("with break_pool the death of a worker ends all tasks", "[worker_deaths]") {
    parts::Pool pool({.max_workers = 2, .on_worker_death = WorkerDeath::break_pool});
    WorkerLink& worker = pool.add_worker();
    WorkerLink& other = pool.add_worker();
    std::array<recorded::Task, 3> tasks;
    for (recorded::Task& task : tasks) pool.submit(task);
    pool.dispatcher.dispatch(0);
    REQUIRE((worker.tasks.in_flight() == 1 && other.tasks.in_flight() == 1));
    REQUIRE(worker.page().start(tasks[0].slot, tasks[0].id));
    die(pool, worker);
    CHECK((pool.tables.is_broken() && other.life.is_killed()));
    pool.deliver();
    for (const recorded::Task& task : tasks) CHECK((task.end == "exception" && task.references == 0));
}

TEST_CASE("with break_pool a task that stood behind the one that broke the pool, though it is older, ends once", "[worker_deaths]") {
    parts::Pool pool({.max_workers = 1, .on_worker_death = WorkerDeath::break_pool});
    WorkerLink& worker = pool.add_worker();
    recorded::Task older;
    recorded::Task urgent;
    pool.tables.queue.intake.push(older, concurrent::futures::Priority::normal);
    pool.tables.queue.intake.push(urgent, concurrent::futures::Priority::high);
    pool.tables.queue.collect();
    pool.dispatcher.dispatch(0);
    REQUIRE((worker.tasks.in_flight() == 2 && older.number < urgent.number));
    REQUIRE(worker.page().start(urgent.slot, urgent.id));
    die(pool, worker);
    CHECK((pool.tables.is_broken() && pool.tables.workers.empty()));
    pool.deliver();
    for (const recorded::Task* const task : {&older, &urgent}) CHECK((task->end == "exception" && task->references == 0));
}

TEST_CASE("workers that die at once break the pool after three, and the text says how the last one died", "[worker_deaths]") {
    parts::Pool pool;
    recorded::Task task;
    pool.submit(task);
    for (int death = 1; death <= 3; ++death) {
        CHECK(!pool.tables.is_broken());
        die(pool, pool.add_worker(false), SIGABRT);
    }
    CHECK(pool.tables.broken.find("3 workers in a row died before they were ready") != std::string::npos);
    CHECK(pool.tables.broken.find("was killed by signal 6") != std::string::npos);
    CHECK(task.stage == Stage::ended);
}

TEST_CASE("workers that die before they run a task that waits break the pool after ten", "[worker_deaths]") {
    parts::Pool pool;
    recorded::Task task;
    pool.submit(task);
    for (int death = 1; death <= 10; ++death) {
        CHECK(!pool.tables.is_broken());
        die(pool, pool.add_worker());
    }
    CHECK(pool.tables.broken.find("10 workers in a row died after they were ready") != std::string::npos);
}

TEST_CASE("a worker that was told to leave is no death", "[worker_deaths]") {
    parts::Pool pool;
    WorkerLink& worker = pool.add_worker();
    worker.life.note_stop();
    die(pool, worker);
    CHECK((pool.tables.budget.restarts() == 0 && pool.tables.workers.empty() && !pool.tables.is_broken()));
}

TEST_CASE("a program that could not be executed is told from one that ended before it was ready", "[worker_deaths]") {
    for (const int exit_code : {126, 127}) {
        parts::Pool pool;
        while (!pool.tables.is_broken()) {
            WorkerLink& worker = pool.add_worker(false);
            worker.life.note_reaped({.exit_code = exit_code});
            pool.deaths.settle(worker);
        }
        CHECK((pool.tables.broken.find("could not be executed") != std::string::npos) == (exit_code == 127));
    }
}

}  // namespace
