// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/processes/dispatcher.hpp>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/processes/pool_parts.hpp"

namespace {

using namespace concurrent::futures::detail;
using Stage = RemoteTask::Stage;

TEST_CASE("tasks are spread over the workers that are ready", "[dispatcher]") {
    parts::Pool pool;
    WorkerLink& one = pool.add_worker();
    WorkerLink& other = pool.add_worker();
    WorkerLink& late = pool.add_worker(false);
    std::array<recorded::Task, 7> tasks;
    for (recorded::Task& task : tasks) pool.submit(task);
    pool.dispatcher.dispatch(0);  // 7 tasks, 3 workers: 2 each
    CHECK((one.tasks.in_flight() == 2 && other.tasks.in_flight() == 2 && late.tasks.in_flight() == 0));
    CHECK(pool.tables.queue.waiting() == 3);
    CHECK((tasks[0].stage == Stage::sent && tasks[0].worker == &one));
    CHECK((tasks[1].stage == Stage::sent && tasks[1].worker == &other));
    CHECK(tasks[4].stage == Stage::queued);
    CHECK(tasks[0].id != tasks[1].id);
}

TEST_CASE("while no worker is ready, each that starts gets one small task", "[dispatcher]") {
    parts::Pool pool;
    WorkerLink& one = pool.add_worker(false);
    WorkerLink& other = pool.add_worker(false);
    std::array<recorded::Task, 3> tasks;
    for (recorded::Task& task : tasks) pool.submit(task);
    pool.dispatcher.dispatch(0);
    CHECK((tasks[0].worker == &one && tasks[1].worker == &other && tasks[2].stage == Stage::queued));
    CHECK(pool.dispatcher.missing_workers() == 1);
    REQUIRE(other.life.note_ready());
    pool.dispatcher.dispatch(0);
    pool.dispatcher.balance();
    CHECK((tasks[0].worker == &one && tasks[1].worker == &other));
    REQUIRE(other.page().start(tasks[1].slot, tasks[1].id));
    pool.dispatcher.flush();
    parts::say(other, FrameType::result, tasks[1], parts::encoded(1));
    pool.reader.read(other);
    pool.dispatcher.dispatch(0);
    pool.dispatcher.balance();
    CHECK((tasks[2].worker == &other && tasks[0].worker == &one));
    REQUIRE(other.page().start(tasks[2].slot, tasks[2].id));
    pool.dispatcher.flush();
    parts::say(other, FrameType::result, tasks[2], parts::encoded(1));
    pool.reader.read(other);
    pool.dispatcher.balance();  // nothing else is to be done, and the first worker still starts
    CHECK((tasks[0].worker == &other && one.tasks.wanted() == 0 && one.tasks.in_flight() == 1));
}

TEST_CASE("a worker that starts gets no task while older ones may come back from a worker that has died", "[dispatcher]") {
    parts::Pool pool;
    WorkerLink& dead = pool.add_worker();
    std::array<recorded::Task, 2> tasks;
    pool.submit(tasks[0]);
    pool.dispatcher.dispatch(0);
    REQUIRE(tasks[0].worker == &dead);
    dead.life.note_exit();
    WorkerLink& fresh = pool.add_worker(false);
    pool.submit(tasks[1]);
    pool.dispatcher.dispatch(0);
    CHECK(tasks[1].stage == Stage::queued);
    dead.life.note_reaped({});
    pool.deaths.settle(dead);
    pool.dispatcher.dispatch(0);
    CHECK((tasks[0].worker == &fresh && tasks[1].stage == Stage::queued));
}

TEST_CASE("a large task waits until a worker is ready", "[dispatcher]") {
    parts::Pool pool;
    WorkerLink& worker = pool.add_worker(false);
    ByteBuffer call;
    call.extend(tuning::copied_calls + 1);
    recorded::Task large(std::move(call));
    pool.submit(large);
    pool.dispatcher.dispatch(0);
    CHECK((large.stage == Stage::queued && pool.dispatcher.missing_workers() == 0));
    REQUIRE(worker.life.note_ready());
    pool.dispatcher.dispatch(0);
    CHECK(large.worker == &worker);
}

TEST_CASE("workers are missing for tasks that wait, not while the last start has failed or the pool is forced", "[dispatcher]") {
    parts::Pool pool;
    std::array<recorded::Task, 2> tasks;
    CHECK(pool.dispatcher.missing_workers() == 0);
    for (recorded::Task& task : tasks) pool.submit(task);
    CHECK(pool.dispatcher.missing_workers() == 2);
    pool.add_worker(false);  // one is on its way
    CHECK(pool.dispatcher.missing_workers() == 1);
    pool.dispatcher.start_again_at(std::chrono::steady_clock::now() + std::chrono::hours(1));
    CHECK(pool.dispatcher.missing_workers() == 0);
    pool.dispatcher.start_again_at({});
    CHECK(pool.dispatcher.missing_workers() == 1);
    pool.tables.forced = true;
    CHECK(pool.dispatcher.missing_workers() == 0);
}

// F63: they left, and were started again, until the caller of start_workers() looked.
TEST_CASE("all workers are missing while start_workers() waits for them, but not in a shutdown", "[dispatcher]") {
    parts::Pool pool;
    const std::size_t all = pool.tables.settings.max_workers;
    pool.tables.waits_for_all_workers = 1;
    CHECK((all > 0 && pool.dispatcher.missing_workers() == all));
    pool.tables.paused = true;
    CHECK(pool.dispatcher.missing_workers() == all);
    pool.tables.paused = false;
    pool.tables.closed = true;
    CHECK(pool.dispatcher.missing_workers() == 0);
    recorded::Task task;
    pool.submit(task);
    CHECK(pool.dispatcher.missing_workers() == 1);  // for the task
}

TEST_CASE("a task behind another one goes to a worker with nothing to do, one that runs does not", "[dispatcher]") {
    parts::Pool pool;
    WorkerLink& busy = pool.add_worker();
    std::array<recorded::Task, 2> tasks;
    for (recorded::Task& task : tasks) pool.submit(task);
    pool.dispatcher.dispatch(0);
    REQUIRE(busy.tasks.in_flight() == 2);
    REQUIRE(busy.page().start(tasks[0].slot, tasks[0].id));
    WorkerLink& idle = pool.add_worker();
    pool.dispatcher.balance();
    CHECK((tasks[0].worker == &busy && tasks[1].worker == &idle));
    CHECK((idle.tasks.in_flight() == 1 && busy.tasks.wanted() == 1 && busy.tasks.in_flight() == 2));
    CHECK(tasks[1].references == 2);  // the entry that the first worker will skip has one
    WorkerLink& another = pool.add_worker();
    REQUIRE(idle.page().start(tasks[1].slot, tasks[1].id));
    pool.dispatcher.balance();
    CHECK(another.tasks.in_flight() == 0);
}

TEST_CASE("workers with nothing to do leave when the pool is shut down and no task waits", "[dispatcher]") {
    parts::Pool pool;
    WorkerLink& worker = pool.add_worker();
    recorded::Task task;
    pool.dispatcher.stop_unneeded();
    CHECK(worker.life.is_ready());
    pool.tables.closed = true;
    pool.submit(task);
    pool.dispatcher.stop_unneeded();
    CHECK(worker.life.is_ready());
    pool.dispatcher.dispatch(0);
    pool.dispatcher.flush();
    pool.dispatcher.stop_unneeded();
    CHECK(worker.life.is_ready());  // it has a task
    parts::say(worker, FrameType::result, task, parts::encoded(1));
    pool.reader.read(worker);
    pool.dispatcher.stop_unneeded();
    CHECK(worker.life.state() == WorkerState::stopping);
    CHECK(!pool.tables.is_finished());
}

TEST_CASE("a worker that has had max_tasks_per_child tasks gets no more, and leaves after the last", "[dispatcher]") {
    parts::Pool pool({.max_workers = 1, .max_tasks_per_child = 1});
    WorkerLink& worker = pool.add_worker();
    std::array<recorded::Task, 2> tasks;
    for (recorded::Task& task : tasks) pool.submit(task);
    pool.dispatcher.dispatch(0);
    pool.dispatcher.flush();
    CHECK((worker.tasks.in_flight() == 1 && pool.tables.queue.waiting() == 1));
    CHECK(pool.dispatcher.missing_workers() == 0);
    parts::say(worker, FrameType::result, tasks[0], parts::encoded(1));
    pool.reader.read(worker);
    CHECK(pool.dispatcher.missing_workers() == 1);
    pool.dispatcher.stop_unneeded();
    CHECK(worker.life.state() == WorkerState::stopping);
}

TEST_CASE("a task that nothing is in front of stays with its worker, though another has nothing to do", "[dispatcher]") {
    parts::Pool pool;
    WorkerLink& busy = pool.add_worker();
    recorded::Task task;
    pool.submit(task);
    pool.dispatcher.dispatch(0);
    REQUIRE(task.worker == &busy);
    WorkerLink& idle = pool.add_worker();
    pool.dispatcher.balance();
    CHECK((task.worker == &busy && idle.tasks.in_flight() == 0));
}

TEST_CASE("a worker that has not been sent everything, or that is being ended, is not told to leave", "[dispatcher]") {
    for (const bool dies : {false, true}) {
        parts::Pool pool;
        WorkerLink& worker = pool.add_worker();
        const std::vector<std::byte> large(2 * ByteRing::capacity);
        if (dies)
            worker.leave_a_moment();
        else
            worker.queue_frame(make_header(FrameType::forget, large.size()), large);
        pool.tables.closed = true;
        pool.dispatcher.stop_unneeded();
        CHECK(worker.life.is_ready());
    }
}

TEST_CASE("a worker that writes an impossible position into its ring ends alone", "[dispatcher]") {
    parts::Pool pool;
    WorkerLink& hostile = pool.add_worker();
    static_cast<WorkerPage*>(static_cast<void*>(&hostile.page()))->tasks.read = std::uint64_t{1} << 40;
    recorded::Task task;
    pool.submit(task);
    pool.dispatcher.dispatch(0);
    pool.dispatcher.flush();
    CHECK((hostile.life.is_killed() && !pool.tables.is_broken()));
    hostile.life.note_reaped({.signal = SIGKILL});
    pool.deaths.settle(hostile);
    CHECK(pool.tables.next_queued() == &task);
}

TEST_CASE("who waits for room at max_pending is told when a task leaves the queue", "[dispatcher]") {
    parts::Pool pool({.max_workers = 1, .max_pending = 1});
    pool.add_worker();
    recorded::Task task;
    pool.submit(task);
    bool waits = false;
    std::thread waiter([&] {
        std::unique_lock lock(pool.tables.mutex);
        for (waits = true; pool.tables.is_full();) pool.tables.room.wait(lock);
    });
    const auto has_begun = [&] {
        const std::lock_guard lock(pool.tables.mutex);
        return waits;
    };
    while (!has_begun()) std::this_thread::yield();
    {
        const std::lock_guard lock(pool.tables.mutex);
        pool.dispatcher.dispatch(0);
    }
    waiter.join();
    CHECK(task.stage == Stage::sent);
}

TEST_CASE("a pool that is paused starts no worker for tasks that wait", "[dispatcher]") {
    parts::Pool pool;
    recorded::Task task;
    pool.submit(task);
    pool.tables.paused = true;
    CHECK(pool.dispatcher.missing_workers() == 0);
    pool.tables.paused = false;
    CHECK(pool.dispatcher.missing_workers() == 1);
}

TEST_CASE("in a shutdown a worker with nothing to do stays while a task waits behind another one", "[dispatcher]") {
    parts::ThreeTasks pool;
    WorkerLink& idle = pool.add_worker();
    REQUIRE(pool.tables.next_queued() == &pool.tasks[2]);
    pool.tables.closed = true;
    pool.dispatcher.stop_unneeded();
    CHECK(idle.life.is_ready());
    pool.dispatcher.balance();
    CHECK(pool.tasks[1].worker == &idle);
}

TEST_CASE("a worker that starts gets no task while it is ended itself, or while a worker with older ones is", "[dispatcher]") {
    parts::Pool pool;
    WorkerLink& dying = pool.add_worker(false);
    recorded::Task older, task;
    pool.submit(older);
    pool.dispatcher.dispatch(0);
    REQUIRE(older.worker == &dying);
    dying.life.force_at(monotonic_nanoseconds() + 3600'000'000'000);
    WorkerLink& fresh = pool.add_worker(false);
    pool.submit(task);
    pool.dispatcher.dispatch(0);
    CHECK(task.stage == Stage::queued);  // the older one is about to come back, to the front
    dying.tasks.take(*dying.tasks.find(older.slot, older.id));
    fresh.life.force_at(monotonic_nanoseconds() + 3600'000'000'000);
    pool.dispatcher.dispatch(0);
    CHECK((task.stage == Stage::queued && fresh.tasks.in_flight() == 0));
    const WorkerLink& another = pool.add_worker(false);
    pool.dispatcher.dispatch(0);
    CHECK(task.worker == &another);
}

TEST_CASE("of workers that have been idle for too long at once, base_workers stay", "[dispatcher]") {
    ProcessSettings settings{.max_workers = 4, .base_workers = 1};
    settings.idle_timeout = std::chrono::nanoseconds(0);
    parts::Pool pool(std::move(settings));
    for (int i = 0; i < 3; ++i) pool.add_worker();
    pool.dispatcher.stop_unneeded();
    std::size_t ready = 0;
    for (const auto& link : pool.tables.workers) ready += link->life.is_ready();
    CHECK(ready == 1);
}

TEST_CASE("start_workers() counts a worker that has a task among those that are there", "[dispatcher]") {
    parts::Pool pool;
    recorded::Task task;
    REQUIRE(pool.run(pool.add_worker(), task));
    pool.tables.waits_for_all_workers = 1;
    CHECK(pool.dispatcher.missing_workers() == pool.tables.settings.max_workers - 1);
}

TEST_CASE("a task that is with a worker does not count as waiting for an observer", "[dispatcher]") {
    struct Waiting : concurrent::futures::Observer {
        void submitted(const concurrent::futures::CallEvent& call) override { waiting = call.waiting; }
        std::size_t waiting = 0;
    };
    const auto seen = std::make_shared<Waiting>();
    ProcessSettings settings;
    settings.max_workers = 1;
    settings.observer = seen;
    parts::Pool pool(std::move(settings));
    pool.add_worker();
    recorded::Task first, second;
    pool.tables.observer.tell_submitted(first);
    pool.submit(first);
    pool.dispatcher.dispatch(0);
    pool.tables.observer.tell_submitted(second);
    CHECK(seen->waiting == 1);
}

}  // namespace
