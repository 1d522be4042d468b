// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/processes/deadline_enforcer.hpp>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

#include "concurrent/futures/detail/processes/pool_parts.hpp"

namespace {

using namespace concurrent::futures::detail;
using Stage = RemoteTask::Stage;

void end_worker(parts::Pool& pool, WorkerLink& worker) {
    worker.life.note_reaped({.signal = SIGKILL});
    pool.deaths.settle(worker);
    pool.deliver();
}

TEST_CASE("a task whose time is up is asked to end, and the tasks behind it go back to the queue", "[deadline_enforcer]") {
    parts::Pool pool({.max_workers = 1, .stop_grace = std::chrono::hours(1)});
    WorkerLink& worker = pool.add_worker();
    std::array<recorded::Task, 3> tasks;
    tasks[0].limits.timeout = 1;
    for (recorded::Task& task : tasks) pool.submit(task);
    pool.dispatcher.dispatch(0);
    pool.deadlines.enforce(0);
    CHECK(!worker.life.is_dying());  // it has not started
    REQUIRE(worker.page().start(tasks[0].slot, tasks[0].id));
    CHECK(pool.deadlines.has_deadline(worker));
    pool.deadlines.enforce(0);
    CHECK((worker.life.is_evicted_for(tasks[0].id) && !worker.life.is_killed()));
    CHECK(worker.life.kill_at() != TaskLimits::never);
    CHECK(pool.deadlines.next(worker, monotonic_nanoseconds()) == worker.life.kill_at());
    CHECK((tasks[0].stage == Stage::sent && pool.tables.queue.waiting() == 2));
    CHECK(pool.tables.next_queued() == &tasks[1]);
    end_worker(pool, worker);
    CHECK(tasks[0].end == "exception");
    CHECK(tasks[0].error.find("time") != std::string::npos);
}

TEST_CASE("after the grace the worker is killed", "[deadline_enforcer]") {
    parts::Pool pool({.max_workers = 1, .stop_grace = std::chrono::nanoseconds(0)});
    WorkerLink& worker = pool.add_worker();
    recorded::Task task;
    task.limits.timeout = 1;
    REQUIRE(pool.run(worker, task));
    pool.deadlines.enforce(0);
    pool.deadlines.enforce(0);
    CHECK((worker.life.is_killed() && worker.life.kill_at() == TaskLimits::never));
}

TEST_CASE("a task that was asked to stop and does not is ended with its worker, as cancelled", "[deadline_enforcer]") {
    parts::Pool pool({.max_workers = 1, .stop_grace = std::chrono::nanoseconds(0)});
    WorkerLink& worker = pool.add_worker();
    recorded::Task task;
    pool.submit(task);
    CHECK(!pool.deadlines.request_stop(task));
    pool.dispatcher.dispatch(0);
    REQUIRE(worker.page().start(task.slot, task.id));
    CHECK(!pool.deadlines.has_deadline(worker));
    CHECK(pool.deadlines.request_stop(task));
    CHECK(pool.tables.signal.has_news());
    CHECK(worker.page().stop_request().stop_asked(task.id));
    pool.deadlines.enforce(0);
    CHECK(worker.life.is_killed());
    end_worker(pool, worker);
    CHECK(task.end == "cancelled");
}

TEST_CASE("with an endless grace a worker is asked to end once, and a task that was asked to stop is known to be", "[deadline_enforcer]") {
    ProcessSettings settings{.max_workers = 1, .stop_grace = std::chrono::nanoseconds::max()};
    settings.task_timeout = std::chrono::nanoseconds(1);
    settings.start_limit = std::chrono::nanoseconds::max();
    settings.initializer = configuration_of(settings);  // any bytes
    parts::Pool pool(std::move(settings));
    WorkerLink& starting = pool.add_worker(false);
    starting.page().note_hook(monotonic_nanoseconds() - 1'000'000);
    pool.deadlines.enforce(0);
    CHECK(starting.life.is_dying());
    CHECK(pool.deadlines.next(starting, monotonic_nanoseconds()) > monotonic_nanoseconds());
    pool.deadlines.enforce(1'000'000'000);  // time that this process did not run
    CHECK((starting.life.is_dying() && !starting.life.is_killed()));

    WorkerLink& worker = pool.add_worker();
    recorded::Task task;
    REQUIRE(pool.run(worker, task));
    CHECK(pool.deadlines.request_stop(task));
    pool.deadlines.enforce(1'000'000'000);
    CHECK(task.stop_at != TaskLimits::never);
    CHECK(!worker.life.is_killed());
}

TEST_CASE("time in which this process did not run does not count", "[deadline_enforcer]") {
    constexpr std::int64_t hour = 3600'000'000'000;
    parts::Pool pool({.max_workers = 1});
    WorkerLink& worker = pool.add_worker();
    recorded::Task task;
    task.limits.timeout = 1;
    REQUIRE(pool.run(worker, task));
    pool.deadlines.enforce(hour);
    CHECK(!worker.life.is_dying());
    CHECK(pool.deadlines.next(worker, monotonic_nanoseconds()) > monotonic_nanoseconds());
}

TEST_CASE("a worker has a limit on its way to process_main() where there is a task_timeout, until it is there", "[deadline_enforcer]") {
    for (const bool limited : {false, true}) {
        ProcessSettings settings{.max_workers = 1, .start_limit = std::chrono::nanoseconds(0)};
        if (limited) settings.task_timeout = std::chrono::nanoseconds(1);
        parts::Pool pool(std::move(settings));
        WorkerLink& worker = pool.add_worker(false);
        CHECK(pool.deadlines.has_deadline(worker) == limited);
        worker.page().note_first_peak(1);  // it is there
        CHECK(!pool.deadlines.has_deadline(worker));
    }
}

TEST_CASE("a second request to stop gives the task no more time", "[deadline_enforcer]") {
    parts::Pool pool({.max_workers = 1, .stop_grace = std::chrono::hours(1)});
    WorkerLink& worker = pool.add_worker();
    recorded::Task task;
    REQUIRE(pool.run(worker, task));
    CHECK(pool.deadlines.request_stop(task));
    const std::int64_t stop_at = task.stop_at;
    for (const std::int64_t before = monotonic_nanoseconds(); monotonic_nanoseconds() == before;) {
    }
    CHECK((pool.deadlines.request_stop(task) && task.stop_at == stop_at));
}

TEST_CASE("a worker that is ready has no limit any more for its initializer", "[deadline_enforcer]") {
    ProcessSettings settings{.max_workers = 1};
    settings.task_timeout = std::chrono::nanoseconds(1);
    settings.initializer = configuration_of(settings);  // any bytes
    parts::Pool pool(std::move(settings));
    WorkerLink& worker = pool.add_worker(false);
    worker.page().note_first_peak(1);
    worker.page().note_hook(monotonic_nanoseconds() - 1'000'000);
    CHECK(pool.deadlines.has_deadline(worker));
    REQUIRE(worker.life.note_ready());
    CHECK(!pool.deadlines.has_deadline(worker));
    pool.deadlines.enforce(0);
    CHECK(!worker.life.is_dying());
}

TEST_CASE("a worker_exit that runs over task_timeout is reported, an initializer is told by the worker's death", "[deadline_enforcer]") {
    for (const bool leaves : {false, true}) {
        std::string reported;
        ProcessSettings settings{.max_workers = 1};
        settings.task_timeout = std::chrono::nanoseconds(1);
        settings.worker_exit = configuration_of(settings);  // any bytes
        settings.hook = [&](std::exception_ptr error) {
            try {
                std::rethrow_exception(std::move(error));
            } catch (const concurrent::futures::TaskTimeoutError& late) {
                reported = late.what();
            }
        };
        parts::Pool pool(std::move(settings));
        WorkerLink& worker = pool.add_worker(leaves);
        if (leaves) worker.life.note_stop();
        worker.page().note_hook(monotonic_nanoseconds() - 1'000'000);
        pool.deadlines.enforce(0);
        CHECK(worker.life.is_dying());
        CHECK(worker.life.complaint().find(leaves ? "its worker_exit" : "its initializer") != std::string::npos);
        pool.deliver();
        CHECK((reported.find("worker_exit") != std::string::npos) == leaves);
    }
}

TEST_CASE("a task that was sent, and asked to stop before it started, goes back without harm to its worker", "[deadline_enforcer]") {
    parts::Pool pool({.max_workers = 1, .stop_grace = std::chrono::nanoseconds(0)});
    WorkerLink& worker = pool.add_worker();
    std::array<recorded::Task, 2> tasks;
    for (recorded::Task& task : tasks) pool.submit(task);
    pool.dispatcher.dispatch(0);
    REQUIRE(worker.page().start(tasks[0].slot, tasks[0].id));
    REQUIRE(pool.deadlines.request_stop(tasks[1]));
    pool.deadlines.enforce(0);
    CHECK((!worker.life.is_dying() && tasks[0].stage == Stage::sent));
    CHECK((tasks[1].stage == Stage::sent || tasks[1].stage == Stage::queued));
}

// F67
TEST_CASE("a task that was asked to stop, and whose result never comes, is cancelled and does not fail as late", "[deadline_enforcer]") {
    for (const bool has_limit : {false, true}) {
        parts::Pool pool({.max_workers = 1, .stop_grace = std::chrono::nanoseconds(0)});
        WorkerLink& worker = pool.add_worker();
        recorded::Task task;
        if (has_limit) task.limits.timeout = 1;
        REQUIRE(pool.run(worker, task));
        worker.page().end(task.slot, task.id);  // so it says
        constexpr std::int64_t hour = 3600'000'000'000;
        if (!has_limit) {
            REQUIRE(pool.deadlines.request_stop(task));
            task.stop_at -= hour;  // as if it had been asked long ago
        } else {
            worker.tasks.find(task.slot, task.id)->paused = -hour;  // as if it had run for so long
        }
        pool.deadlines.enforce(0);
        REQUIRE(worker.life.is_killed());
        end_worker(pool, worker);
        CHECK(task.end == (has_limit ? "exception" : "cancelled"));
    }
}

TEST_CASE("a worker that gets a moment to end by itself is killed after it, also when none of its tasks has a limit", "[deadline_enforcer]") {
    parts::Pool pool;
    WorkerLink& worker = pool.add_worker();
    recorded::Task task;
    REQUIRE(pool.run(worker, task));
    CHECK(!pool.deadlines.has_deadline(worker));
    worker.life.force_by(monotonic_nanoseconds());
    CHECK(pool.deadlines.has_deadline(worker));
    pool.deadlines.enforce(0);
    CHECK(worker.life.is_killed());
}

TEST_CASE("time in which this process did not run moves each time that is planned, and counts for no task that has not started", "[deadline_enforcer]") {
    constexpr std::int64_t hour = 3600'000'000'000;
    ProcessSettings settings{.max_workers = 1, .stop_grace = std::chrono::hours(1), .start_limit = std::chrono::nanoseconds(0)};
    settings.task_timeout = std::chrono::nanoseconds(1);
    parts::Pool pool(std::move(settings));
    WorkerLink& worker = pool.add_worker();
    std::array<recorded::Task, 2> tasks;
    for (recorded::Task& task : tasks) pool.submit(task);
    tasks[1].limits.timeout = 1;
    pool.dispatcher.dispatch(0);
    REQUIRE(worker.page().start(tasks[0].slot, tasks[0].id));
    REQUIRE(pool.deadlines.request_stop(tasks[0]));
    const std::int64_t stop_at = tasks[0].stop_at;
    pool.deadlines.enforce(hour);
    CHECK(tasks[0].stop_at == stop_at + hour);
    CHECK(worker.tasks.find(tasks[0].slot, tasks[0].id)->paused == hour);
    CHECK(worker.tasks.find(tasks[1].slot, tasks[1].id)->paused == 0);

    const std::int64_t kill_at = monotonic_nanoseconds() + hour;
    worker.life.force_by(kill_at);
    pool.deadlines.enforce(hour);
    CHECK(worker.life.kill_at() == kill_at + hour);

    WorkerLink& starting = pool.add_worker(false);
    pool.deadlines.enforce(hour);
    CHECK(!starting.life.is_killed());
}

/// A worker with a task that was to end ten seconds ago, and that is over as far as the worker's page says.
struct LateTask : parts::Pool {
    LateTask() : parts::Pool({.max_workers = 1}) {
        late.limits.timeout = 1;
        submit(first);
        submit(late);
        dispatcher.dispatch(0);
        for (const recorded::Task* const task : {&first, &late}) {
            if (!worker.page().start(task->slot, task->id)) throw std::logic_error("the task does not start");
            worker.page().end(task->slot, task->id);
        }
        worker.tasks.find(late.slot, late.id)->paused = -10'000'000'000;
    }
    WorkerLink& worker = add_worker();
    recorded::Task first, late;
};

TEST_CASE("a worker whose task is over its time, though its page says that it has ended, is killed if it has sent nothing", "[deadline_enforcer]") {
    {
        LateTask pool;
        pool.deadlines.enforce(0);
        CHECK((pool.worker.life.is_killed() && pool.worker.life.is_evicted_for(pool.late.id)));
    }
    {
        LateTask pool;  // something else of it is there: this one may be on its way
        parts::say(pool.worker, FrameType::result, pool.first, parts::encoded(1));
        pool.deadlines.enforce(0);
        CHECK((!pool.worker.life.is_dying() && pool.worker.tasks.in_flight() == 1));
    }
    LateTask pool;
    parts::say(pool.worker, FrameType::result, pool.first, parts::encoded(1));
    parts::say(pool.worker, FrameType::result, pool.late, parts::encoded(2));
    pool.deadlines.enforce(0);
    pool.deliver();
    CHECK((!pool.worker.life.is_dying() && pool.late.end == "result" && pool.late.value == 2));
}

TEST_CASE("a task that was revoked has no deadline any more", "[deadline_enforcer]") {
    parts::Pool pool({.max_workers = 1});
    WorkerLink& worker = pool.add_worker();
    std::array<recorded::Task, 2> tasks;
    tasks[1].limits.timeout = 1;
    for (recorded::Task& task : tasks) pool.submit(task);
    pool.dispatcher.dispatch(0);
    REQUIRE(worker.page().start(tasks[0].slot, tasks[0].id));
    REQUIRE(worker.try_revoke(tasks[1]));
    CHECK(pool.deadlines.next(worker, monotonic_nanoseconds()) == TaskLimits::never);
}

TEST_CASE("a task that goes back to the queue because its worker is ended keeps a reference of the worker's table", "[deadline_enforcer]") {
    parts::Pool pool({.max_workers = 1, .stop_grace = std::chrono::hours(1)});
    WorkerLink& worker = pool.add_worker();
    std::array<recorded::Task, 2> tasks;
    tasks[0].limits.timeout = 1;
    for (recorded::Task& task : tasks) pool.submit(task);
    pool.dispatcher.dispatch(0);
    REQUIRE(worker.page().start(tasks[0].slot, tasks[0].id));
    pool.deadlines.enforce(0);
    REQUIRE(tasks[1].stage == Stage::queued);
    CHECK(tasks[1].references == 2);
    end_worker(pool, worker);
    CHECK(tasks[1].references == 1);
}

}  // namespace
