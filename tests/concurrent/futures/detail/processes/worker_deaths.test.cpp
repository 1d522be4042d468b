// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/processes/worker_deaths.hpp>

#include <unistd.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "concurrent/futures/detail/processes/pool_parts.hpp"
#include "support/named_events.hpp"

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

TEST_CASE("in a shutdown by force the tasks of a dead worker end, also those that it had not started", "[worker_deaths]") {
    for (const WorkerDeath on_death : {WorkerDeath::fail_task, WorkerDeath::retry_task, WorkerDeath::break_pool}) {
        parts::Pool pool({.max_workers = 1, .on_worker_death = on_death});
        WorkerLink& worker = pool.add_worker();
        std::array<recorded::Task, 2> tasks;
        for (recorded::Task& task : tasks) pool.submit(task);
        pool.dispatcher.dispatch(0);
        REQUIRE((worker.tasks.in_flight() == 2 && worker.page().start(tasks[0].slot, tasks[0].id)));
        pool.tables.closed = pool.tables.forced = true;
        die(pool, worker, SIGKILL);
        CHECK((pool.tables.is_finished() && !pool.tables.is_broken() && pool.tables.budget.restarts() == 0));
        pool.deliver();
        for (const recorded::Task& task : tasks) {
            CHECK((task.end == "exception" && task.references == 0));
            CHECK(task.error.find("The pool is shut down.") != std::string::npos);
        }
    }
}

TEST_CASE("a task that was cancelled is neither run again nor told of when its worker dies", "[worker_deaths]") {
    parts::Pool pool;
    WorkerLink& worker = pool.add_worker();
    std::array<recorded::Task, 2> tasks;
    for (recorded::Task& task : tasks) pool.submit(task);
    pool.dispatcher.dispatch(0);
    REQUIRE(worker.page().start(tasks[0].slot, tasks[0].id));
    REQUIRE(worker.try_revoke(tasks[1]));
    tasks[1].stage = Stage::revoked;
    die(pool, worker);
    CHECK(pool.tables.queue.waiting() == 0);
    pool.deliver();
    CHECK((tasks[0].end == "exception" && tasks[1].end.empty() && tasks[1].references == 0));
}

TEST_CASE("a worker that dies of a task is no fruitless one, and the count begins anew", "[worker_deaths]") {
    parts::Pool pool;
    recorded::Task waits, deadly;
    for (int round = 0; round < 2; ++round) {
        for (int death = 0; death < 9; ++death) {
            WorkerLink& worker = pool.add_worker();
            if (death == 0 && round == 0) pool.submit(waits);
            die(pool, worker);
        }
        REQUIRE(!pool.tables.is_broken());
        if (round != 0) break;
        WorkerLink& worker = pool.add_worker();
        REQUIRE(pool.tables.next_queued() == &waits);
        REQUIRE(pool.run(worker, deadly));
        pool.tables.put_back(waits);
        die(pool, worker);
    }
    CHECK(!pool.tables.is_broken());
}

TEST_CASE("an observer is told that a task started before it is told that the task failed with its worker", "[worker_deaths]") {
    struct Recorder : support::NamedEvents {
        void told(std::string_view what, const Call&) override { events += std::string(what) + ' '; }
        using NamedEvents::told;
        std::string events;
    };
    const auto recorder = std::make_shared<Recorder>();
    parts::Pool pool({.max_workers = 1, .observer = recorder});
    WorkerLink& worker = pool.add_worker();
    worker.process = ProcessHandle(::getpid(), FileDescriptor());  // nothing here sends it a signal
    recorded::Task task;
    REQUIRE(pool.run(worker, task));
    die(pool, worker);
    pool.deliver();
    CHECK(recorder->events == "started failed ");
}

TEST_CASE("a task whose workers die again and again without having started it ends at last", "[worker_deaths]") {
    parts::Pool pool;
    recorded::Task task;
    pool.submit(task);
    for (int deaths = 0; deaths < 200 && task.stage != Stage::ended; ++deaths) {
        pool.tables.budget.note_task_ran();  // others do run
        WorkerLink& worker = pool.add_worker();
        pool.dispatcher.dispatch(0);
        REQUIRE(task.worker == &worker);
        die(pool, worker);
    }
    CHECK((task.stage == Stage::ended && !pool.tables.is_broken()));
    pool.deliver();
    CHECK((task.end == "exception" && task.references == 0));
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

}  // namespace
