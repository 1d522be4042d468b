// SPDX-License-Identifier: MIT
//
// Which tasks can be cancelled, and to whom. The workers are no processes.
#include <concurrent/futures/detail/processes/cancellation.hpp>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <memory>
#include <string_view>
#include <thread>
#include <utility>

#include "concurrent/futures/detail/processes/pool_parts.hpp"
#include "support/named_events.hpp"

namespace {

using namespace concurrent::futures::detail;
using Stage = RemoteTask::Stage;

TEST_CASE("a task that waits is revoked once, and its bytes are freed", "[cancellation]") {
    parts::Pool pool;
    const ForkMark born;
    Cancellation cancellation(pool.tables, born);
    recorded::Task task(parts::encoded(1));
    pool.submit(task);
    CHECK(!cancellation.is_running(task));
    CHECK(cancellation.revoke(task));
    CHECK(cancellation.is_revoked(task));
    CHECK(!cancellation.revoke(task));
    CHECK(task.call().empty());
    CHECK((pool.tables.queue.waiting() == 0 && pool.tables.completions.counts().cancelled == 1));
    CHECK(pool.tables.next_queued() == nullptr);
}

TEST_CASE("a task that was sent is revoked if its worker has not started it", "[cancellation]") {
    parts::Pool pool;
    const ForkMark born;
    Cancellation cancellation(pool.tables, born);
    WorkerLink& worker = pool.add_worker();
    std::array<recorded::Task, 2> tasks;
    for (recorded::Task& task : tasks) pool.submit(task);
    pool.dispatcher.dispatch(0);
    REQUIRE(worker.page().start(tasks[0].slot, tasks[0].id));
    CHECK((cancellation.is_running(tasks[0]) && !cancellation.is_running(tasks[1])));
    CHECK(!cancellation.revoke(tasks[0]));
    CHECK(cancellation.revoke(tasks[1]));
    CHECK(!worker.page().start(tasks[1].slot, tasks[1].id));
    CHECK((worker.tasks.in_flight() == 2 && worker.tasks.wanted() == 1));
    parts::say(worker, FrameType::result, tasks[0], parts::encoded(3));
    parts::say(worker, FrameType::skipped, tasks[1]);
    pool.reader.read(worker);
    CHECK(cancellation.is_running(tasks[0]));  // its result is not delivered yet
    pool.deliver();
    CHECK(!cancellation.revoke(tasks[0]));
    CHECK((tasks[0].value == 3 && tasks[0].references == 0));
    CHECK((tasks[1].end.empty() && tasks[1].references == 0));  // its end is for revoke()'s caller
}

TEST_CASE("all tasks that have not started are revoked at once, wherever they wait", "[cancellation]") {
    parts::ThreeTasks pool;
    const ForkMark born;
    Cancellation cancellation(pool.tables, born);
    auto& tasks = pool.tasks;
    cancellation.end_revoked(cancellation.revoke_all_unstarted());
    CHECK(tasks[0].end.empty());
    CHECK((tasks[1].end == "cancelled" && tasks[2].end == "cancelled"));
    CHECK((tasks[1].references == 1 && tasks[2].references == 1));  // the worker's table and the queue have them
    CHECK(pool.tables.completions.counts().cancelled == 2);
    CHECK(cancellation.revoke_all_unstarted().empty());
}

TEST_CASE("many cancelled tasks leave the queue before they are met", "[cancellation]") {
    parts::Pool pool;
    const ForkMark born;
    Cancellation cancellation(pool.tables, born);
    std::array<recorded::Task, 200> tasks;
    for (recorded::Task& task : tasks) pool.submit(task);
    for (recorded::Task& task : tasks) REQUIRE(cancellation.revoke(task));
    CHECK(pool.tables.queue.size() < 64);
    CHECK(pool.tables.queue.waiting() == 0);
}

TEST_CASE("a task that has been taken to another worker is cancelled once, there", "[cancellation]") {
    parts::Pool pool;
    const ForkMark born;
    Cancellation cancellation(pool.tables, born);
    WorkerLink& busy = pool.add_worker();
    std::array<recorded::Task, 2> tasks;
    for (recorded::Task& task : tasks) pool.submit(task);
    pool.dispatcher.dispatch(0);
    REQUIRE(busy.page().start(tasks[0].slot, tasks[0].id));
    WorkerLink& idle = pool.add_worker();
    pool.dispatcher.balance();
    REQUIRE(tasks[1].worker == &idle);
    cancellation.end_revoked(cancellation.revoke_all_unstarted());
    CHECK((tasks[1].end == "cancelled" && pool.tables.completions.counts().cancelled == 1));
    CHECK(!idle.page().start(tasks[1].slot, tasks[1].id));
    CHECK((idle.tasks.wanted() == 0 && busy.tasks.wanted() == 1));
}

TEST_CASE("a task whose worker has ended it, but has not said so, cannot be cancelled and counts as running", "[cancellation]") {
    parts::Pool pool;
    const ForkMark born;
    Cancellation cancellation(pool.tables, born);
    WorkerLink& worker = pool.add_worker();
    recorded::Task task;
    REQUIRE(pool.run(worker, task));
    worker.page().end(task.slot, task.id);
    CHECK(cancellation.is_running(task));
    CHECK(!cancellation.revoke(task));
    CHECK(cancellation.revoke_all_unstarted().empty());
}

TEST_CASE("an observer is told of each task that is cancelled, alone or with all others", "[cancellation]") {
    struct Recorder : support::NamedEvents {
        void told(std::string_view what, const Call&) override { cancelled += what == "cancelled"; }
        using NamedEvents::told;
        int cancelled = 0;
    };
    const auto recorder = std::make_shared<Recorder>();
    parts::Pool pool({.max_workers = 1, .observer = recorder});
    const ForkMark born;
    Cancellation cancellation(pool.tables, born);
    std::array<recorded::Task, 2> tasks;
    for (recorded::Task& task : tasks) pool.submit(task);
    CHECK((cancellation.revoke(tasks[0]) && recorder->cancelled == 1));
    cancellation.end_revoked(cancellation.revoke_all_unstarted());
    CHECK(recorder->cancelled == 2);
}

TEST_CASE("cancelled tasks that leave the queue lose its reference", "[cancellation]") {
    parts::Pool pool;
    const ForkMark born;
    Cancellation cancellation(pool.tables, born);
    std::array<recorded::Task, 200> tasks;
    for (recorded::Task& task : tasks) pool.submit(task);
    for (recorded::Task& task : tasks) REQUIRE(cancellation.revoke(task));
    CHECK(pool.tables.next_queued() == nullptr);
    pool.deliver();
    for (const recorded::Task& task : tasks) CHECK(task.references == 0);
}

TEST_CASE("who waits for room at max_pending is told when a task that waits is cancelled", "[cancellation]") {
    parts::Pool pool({.max_workers = 1, .max_pending = 1});
    const ForkMark born;
    Cancellation cancellation(pool.tables, born);
    recorded::Task task;
    pool.submit(task);
    std::thread cancels;
    {
        PoolTables::Lock lock(pool.tables.mutex);
        cancels = std::thread([&] { cancellation.revoke(task); });
        while (pool.tables.is_full()) pool.tables.room.wait(lock);
    }
    cancels.join();
    CHECK(cancellation.is_revoked(task));
}

}  // namespace
