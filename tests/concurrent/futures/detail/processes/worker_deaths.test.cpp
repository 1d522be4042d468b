// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/processes/worker_deaths.hpp>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <memory>
#include <string>
#include <utility>

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

TEST_CASE("what a dead worker had not started fails in a pool that ends its workers", "[worker_deaths]") {
    parts::Pool pool;
    WorkerLink& worker = pool.add_worker();
    std::array<recorded::Task, 2> tasks;
    for (recorded::Task& task : tasks) pool.submit(task);
    pool.dispatcher.dispatch(0);
    REQUIRE((worker.tasks.in_flight() == 2 && worker.page().start(tasks[0].slot, tasks[0].id)));
    pool.tables.closed = pool.tables.forced = true;
    die(pool, worker, SIGKILL);
    CHECK(pool.tables.is_finished());
    pool.deliver();
    for (const recorded::Task& task : tasks) CHECK((task.end == "exception" && task.references == 0));
}

TEST_CASE("in a pool that ends its workers a death neither breaks the pool nor runs the task once more", "[worker_deaths]") {
    for (const WorkerDeath choice : {WorkerDeath::break_pool, WorkerDeath::retry_task}) {
        parts::Pool pool({.max_workers = 1, .on_worker_death = choice});
        WorkerLink& worker = pool.add_worker();
        recorded::Task task;
        REQUIRE(pool.run(worker, task));
        pool.tables.forced = true;
        die(pool, worker, SIGKILL);
        CHECK((!pool.tables.is_broken() && task.stage == Stage::ended));
        for (int death = 1; death <= 3; ++death) die(pool, pool.add_worker(false), SIGKILL);
        CHECK(!pool.tables.is_broken());
        pool.deliver();
        CHECK(task.error.find("The pool is shut down") != std::string::npos);
    }
}

TEST_CASE("a task ends though a hundred workers in a row say that they died before they started it", "[worker_deaths]") {
    parts::Pool pool;
    recorded::Task task;
    pool.submit(task);
    int deaths = 0;
    for (; task.stage != Stage::ended && deaths < 200; ++deaths) {
        WorkerLink& worker = pool.add_worker();
        recorded::Task good;  // one that they do run, so that the pool does not break
        pool.submit(good);
        pool.dispatcher.dispatch(1);
        pool.dispatcher.dispatch(0);
        REQUIRE((task.worker == &worker && good.worker == &worker && worker.page().start(good.slot, good.id)));
        parts::say(worker, FrameType::result, good, parts::encoded(1));
        die(pool, worker);
        pool.deliver();
    }
    CHECK(deaths == 100);
    CHECK((task.end == "exception" && !pool.tables.is_broken()));
}

TEST_CASE("deaths of workers that had nothing to run, that were told to leave, or with others in between, do not break the pool", "[worker_deaths]") {
    parts::Pool pool;
    for (int death = 1; death <= 20; ++death) die(pool, pool.add_worker());  // no task waits
    CHECK(!pool.tables.is_broken());
    recorded::Task task;
    pool.submit(task);
    for (int death = 1; death <= 20; ++death) {
        WorkerLink& worker = pool.add_worker();
        worker.life.note_stop();
        die(pool, worker);
    }
    CHECK(!pool.tables.is_broken());
    for (int death = 1; death <= 9; ++death) die(pool, pool.add_worker());
    WorkerLink& last = pool.add_worker();
    pool.dispatcher.dispatch(0);
    REQUIRE(last.page().start(task.slot, task.id));
    die(pool, last);
    CHECK(task.stage == Stage::ended);
    recorded::Task another;
    pool.submit(another);
    for (int death = 1; death <= 9; ++death) die(pool, pool.add_worker());
    CHECK((!pool.tables.is_broken() && another.stage == Stage::queued));
    pool.deliver();
}

TEST_CASE("a revoked task in a dead worker loses the worker's reference, and nothing else happens to it", "[worker_deaths]") {
    parts::Pool pool;
    WorkerLink& worker = pool.add_worker();
    recorded::Task task;
    pool.submit(task);
    pool.dispatcher.dispatch(0);
    REQUIRE(worker.try_revoke(task));
    task.stage = Stage::revoked;
    die(pool, worker);
    CHECK(pool.tables.queue.waiting() == 0);
    pool.deliver();
    CHECK((task.end.empty() && task.references == 0));
}

TEST_CASE("an observer hears that the task of a dead worker had started", "[worker_deaths]") {
    struct Silent : concurrent::futures::Observer {};
    ProcessSettings settings;
    settings.max_workers = 1;
    settings.observer = std::make_shared<Silent>();
    parts::Pool pool(std::move(settings));
    WorkerLink& worker = pool.add_worker();
    recorded::Task task;
    REQUIRE(pool.run(worker, task));
    die(pool, worker);
    bool started = false;
    for (const Observation& note : pool.tables.observer.take()) started |= note.kind == Observation::Kind::started;
    CHECK(started);
    pool.deliver();
}

}  // namespace
