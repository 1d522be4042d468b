// SPDX-License-Identifier: MIT
//
// What may become of a task in the tables of a process pool.
#include <concurrent/futures/detail/processes/pool_tables.hpp>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/processes/pool_parts.hpp"

namespace {

using namespace concurrent::futures::detail;
namespace cf = concurrent::futures;
using Stage = RemoteTask::Stage;

TEST_CASE("a task goes back to the queue once for each retry it has", "[pool_tables]") {
    parts::Pool pool;
    recorded::Task task;
    task.limits.retries = 2;
    pool.submit(task);
    for (std::uint64_t failures = 1; failures <= 2; ++failures) {
        REQUIRE(pool.tables.next_queued() == &task);
        CHECK(pool.tables.retry(task));
        CHECK(task.failures == failures);
        CHECK(task.stage == Stage::queued);
    }
    REQUIRE(pool.tables.next_queued() == &task);
    CHECK(!pool.tables.retry(task));
    CHECK(pool.tables.queue.waiting() == 0);
}

TEST_CASE("a task that was asked to stop is not retried, nor any in a pool that ends its workers", "[pool_tables]") {
    parts::Pool pool;
    recorded::Task task;
    task.limits.retries = 1;
    task.stop_at = 0;
    CHECK(!pool.tables.retry(task));
    task.stop_at = TaskLimits::never;
    pool.tables.forced = true;
    CHECK(!pool.tables.retry(task));
    CHECK((task.limits.retries == 1 && task.failures == 0));
}

TEST_CASE("a failure is counted at once and delivered without the mutex", "[pool_tables]") {
    parts::Pool pool;
    recorded::Task task;
    pool.tables.fail(task, std::make_exception_ptr(std::runtime_error("as it was")));
    CHECK(task.stage == Stage::ended);
    CHECK(pool.tables.completions.counts().failed == 1);
    CHECK(task.end.empty());
    pool.deliver();
    CHECK((task.end == "exception" && task.error == "as it was"));
}

TEST_CASE("a pool that breaks fails every task with its first reason, and takes no other task", "[pool_tables]") {
    parts::Pool pool;
    WorkerLink& worker = pool.add_worker();
    pool.add_worker(false);  // not ready: its share of the tasks stays in the queue
    std::array<recorded::Task, 4> tasks;
    for (recorded::Task& task : tasks) pool.submit(task);
    pool.dispatcher.dispatch(0);
    REQUIRE((worker.tasks.in_flight() != 0 && pool.tables.queue.waiting() != 0));
    pool.tables.break_pool("the first reason");
    pool.tables.break_pool("another reason");
    CHECK((worker.tasks.in_flight() == 0 && pool.tables.queue.waiting() == 0));
    pool.deliver();
    for (const recorded::Task& task : tasks) {
        CHECK(task.stage == Stage::ended);
        CHECK(task.error == "the first reason");
        CHECK(task.references == 0);  // no part of the pool has it any more
    }
    CHECK_THROWS_AS(pool.tables.throw_if_closed(), cf::BrokenProcessPool);
    recorded::Task late;
    CHECK(!pool.tables.queue.intake.push(late, cf::Priority::normal));
}

TEST_CASE("a pool is finished when it is shut down and has neither tasks nor workers", "[pool_tables]") {
    parts::Pool pool;
    CHECK(!pool.tables.is_finished());
    pool.tables.closed = true;
    CHECK(pool.tables.is_finished());
    recorded::Task task;
    pool.submit(task);
    CHECK(!pool.tables.is_finished());
    REQUIRE(pool.tables.next_queued() == &task);
    WorkerLink& worker = pool.add_worker();
    CHECK(!pool.tables.is_finished());
    worker.life.note_reaped({});
    pool.tables.workers.remove(worker);
    CHECK(pool.tables.is_finished());
}

TEST_CASE("when a pool breaks, its observer hears of the starts of those tasks that had started", "[pool_tables]") {
    struct Silent : cf::Observer {};
    ProcessSettings settings;
    settings.max_workers = 1;
    settings.observer = std::make_shared<Silent>();
    parts::Pool pool(std::move(settings));
    WorkerLink& worker = pool.add_worker();
    std::array<recorded::Task, 2> tasks;
    for (std::size_t i = 0; i < tasks.size(); ++i) {
        tasks[i].shown.id = i + 1;
        pool.submit(tasks[i]);
    }
    pool.dispatcher.dispatch(0);
    REQUIRE((worker.tasks.in_flight() == 2 && worker.page().start(tasks[0].slot, tasks[0].id)));
    pool.tables.break_pool("why");
    std::vector<std::uint64_t> started;
    for (const Observation& note : pool.tables.observer.take())
        if (note.kind == Observation::Kind::started) started.push_back(note.number);
    CHECK(started == std::vector<std::uint64_t>{1});
    pool.deliver();
}

TEST_CASE("when a pool breaks, a task that was cancelled at its worker is let go of, and nothing else", "[pool_tables]") {
    parts::Pool pool;
    WorkerLink& worker = pool.add_worker();
    std::array<recorded::Task, 2> tasks;
    for (recorded::Task& task : tasks) pool.submit(task);
    pool.dispatcher.dispatch(0);
    REQUIRE((worker.page().start(tasks[0].slot, tasks[0].id) && worker.try_revoke(tasks[1])));
    tasks[1].stage = Stage::revoked;
    pool.tables.break_pool("why");
    pool.deliver();
    CHECK((tasks[0].error == "why" && tasks[0].references == 0));
    CHECK((tasks[1].end.empty() && tasks[1].references == 0));
}

TEST_CASE("who waits for room in a pool that breaks is told", "[pool_tables]") {
    parts::Pool pool({.max_workers = 1, .max_pending = 1});
    recorded::Task task;
    pool.submit(task);
    bool waits = false;
    std::thread waiter([&] {
        std::unique_lock lock(pool.tables.mutex);
        for (waits = true; !pool.tables.is_broken();) pool.tables.room.wait(lock);
    });
    const auto has_begun = [&] {
        const std::lock_guard lock(pool.tables.mutex);
        return waits;
    };
    while (!has_begun()) std::this_thread::yield();
    {
        const std::lock_guard lock(pool.tables.mutex);
        pool.tables.break_pool("why");
    }
    waiter.join();
    pool.deliver();
    CHECK(task.error == "why");
}

TEST_CASE("a pool is not finished while a cancelled task is in its queue, whose reference has to go", "[pool_tables]") {
    parts::Pool pool;
    recorded::Task task;
    pool.submit(task);
    pool.tables.closed = true;
    task.stage = Stage::revoked;
    pool.tables.queue.note_cancelled();
    REQUIRE(pool.tables.queue.waiting() == 0);
    CHECK(!pool.tables.is_finished());
    CHECK(pool.tables.next_queued() == nullptr);
    CHECK(pool.tables.is_finished());
    pool.deliver();
    CHECK(task.references == 0);
}

TEST_CASE("a task whose worker was ended because it would not stop counts as cancelled", "[pool_tables]") {
    parts::Pool pool;
    WorkerLink& worker = pool.add_worker();
    recorded::Task task;
    REQUIRE(pool.run(worker, task));
    worker.life.evict(WorkerLife::Eviction::Cause::stop, task.id);
    REQUIRE(worker.tasks.take(*worker.tasks.find(task.slot, task.id)) == &task);
    pool.tables.end_evicted(task, worker);
    CHECK((task.stage == Stage::revoked && pool.tables.completions.counts().cancelled == 1));
    pool.deliver();
    CHECK((task.end == "cancelled" && task.references == 0));
}

TEST_CASE("idle_timeout ends no worker that base_workers keeps, and none while start_workers() waits", "[pool_tables]") {
    parts::Pool pool({.max_workers = 2, .idle_timeout = std::chrono::nanoseconds(1), .base_workers = 1});
    pool.add_worker();
    CHECK(pool.tables.keeps_idle_workers());
    pool.add_worker();
    CHECK(!pool.tables.keeps_idle_workers());
    pool.tables.waits_for_all_workers = 1;
    CHECK(pool.tables.keeps_idle_workers());
    CHECK(parts::Pool({.max_workers = 2}).tables.keeps_idle_workers());
}

TEST_CASE("idle_timeout leaves base_workers, and all while start_workers() waits; a worker that leaves is none of them", "[pool_tables]") {
    ProcessSettings settings{.max_workers = 2, .base_workers = 1};
    settings.idle_timeout = std::chrono::nanoseconds(0);
    parts::Pool pool(std::move(settings));
    WorkerLink& worker = pool.add_worker();
    CHECK(pool.tables.keeps_idle_workers());
    pool.add_worker();
    CHECK(!pool.tables.keeps_idle_workers());
    pool.tables.waits_for_all_workers = 1;
    CHECK(pool.tables.keeps_idle_workers());
    pool.tables.waits_for_all_workers = 0;
    worker.life.note_stop();
    CHECK(pool.tables.keeps_idle_workers());
}

}  // namespace
