// SPDX-License-Identifier: MIT
//
// What other threads do in place of the manager thread while that sleeps. No process and no manager thread is there: the
// test plays both.
#include <concurrent/futures/detail/processes/direct_path.hpp>

#include <unistd.h>

#include <array>
#include <catch2/generators/catch_generators_range.hpp>
#include <chrono>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/processes/pool_parts.hpp"

namespace {

using namespace concurrent::futures::detail;
using Stage = RemoteTask::Stage;

struct SleepingPool : parts::Pool {
    explicit SleepingPool(ProcessSettings settings = {.max_workers = 4}) : parts::Pool(std::move(settings)) {
        tables.signal.fall_asleep();
    }

    /// Without collecting: as submit() does.
    void push(RemoteTask& task) { tables.queue.intake.push(task, concurrent::futures::Priority::normal); }
    /// A worker that a thread may read from: only what has a process is read. Nothing here sends it a signal.
    WorkerLink& add_readable_worker() {
        WorkerLink& link = add_worker();
        link.process = ProcessHandle(::getpid(), FileDescriptor());
        return link;
    }
    template <class Look>
    auto locked(Look look) {
        const std::lock_guard lock(tables.mutex);
        return look();
    }
    bool is_told_to_rise() { return !tables.signal.is_asleep(); }

    DirectPath direct{tables, dispatcher, reader};
};

TEST_CASE("while the manager thread sleeps, a submitter writes its task to a worker with nothing to do", "[direct_path]") {
    SleepingPool pool;
    WorkerLink& worker = pool.add_worker();
    recorded::Task task;
    pool.push(task);
    const std::uint64_t before = static_cast<WorkerPage*>(static_cast<void*>(&worker.page()))->tasks.written;
    CHECK(pool.direct.give());
    CHECK((task.stage == Stage::sent && task.worker == &worker));
    CHECK(worker.page().state(task.slot, task.id) == SlotState::sent);
    CHECK(static_cast<WorkerPage*>(static_cast<void*>(&worker.page()))->tasks.written > before);
    CHECK(!pool.is_told_to_rise());
}

TEST_CASE("who waits for room at max_pending is told when a submitter takes a task from the queue", "[direct_path]") {
    SleepingPool pool({.max_workers = 4, .max_pending = 1});
    pool.add_worker();
    recorded::Task task;
    pool.push(task);
    bool waits = false;
    std::thread waiter([&] {
        std::unique_lock lock(pool.tables.mutex);
        pool.tables.queue.collect();
        for (waits = true; pool.tables.is_full();) pool.tables.room.wait(lock);
    });
    while (!pool.locked([&] { return waits; })) std::this_thread::yield();
    CHECK(pool.direct.give());
    waiter.join();
    CHECK(task.stage == Stage::sent);
}

TEST_CASE("a submitter leaves its task in the queue while the manager thread is awake", "[direct_path]") {
    SleepingPool pool;
    const WorkerLink& worker = pool.add_worker();
    recorded::Task task;
    pool.push(task);
    pool.tables.signal.rise();
    CHECK(pool.direct.give());
    CHECK((task.stage == Stage::queued && worker.tasks.in_flight() == 0));
}

TEST_CASE("the manager thread is wanted for more tasks than there are idle workers, and for a time limit", "[direct_path]") {
    SleepingPool pool;
    recorded::Task without_worker;
    pool.push(without_worker);
    CHECK(!pool.direct.give());
    const WorkerLink& worker = pool.add_worker();
    recorded::Task one_too_many;
    pool.push(one_too_many);
    CHECK(!pool.direct.give());
    CHECK((without_worker.stage == Stage::sent && worker.tasks.in_flight() == 1));
    CHECK(one_too_many.stage == Stage::queued);

    SleepingPool other;
    const WorkerLink& idle = other.add_worker();
    recorded::Task limited;
    limited.limits.timeout = 1'000'000'000;
    other.push(limited);
    CHECK(!other.direct.give());
    CHECK((limited.stage == Stage::queued && idle.tasks.in_flight() == 0));
    CHECK(other.tables.next_queued() == &limited);
}

TEST_CASE("a submitter does not wait for the mutex of a pool that is busy", "[direct_path]") {
    SleepingPool pool;
    pool.add_worker();
    recorded::Task task;
    pool.push(task);
    bool gave = true;
    const std::lock_guard lock(pool.tables.mutex);
    std::thread([&] { gave = pool.direct.give(); }).join();
    CHECK(!gave);
    CHECK(task.stage == Stage::queued);
}

TEST_CASE("a thread that waits reads its result itself while the manager thread sleeps", "[direct_path]") {
    SleepingPool pool;
    WorkerLink& worker = pool.add_readable_worker();
    recorded::Task task;
    pool.push(task);
    REQUIRE(pool.direct.give());
    REQUIRE(worker.page().start(task.slot, task.id));
    parts::say(worker, FrameType::result, task, parts::encoded(7));
    CHECK(pool.direct.look_for_end(task, [&] { return !task.end.empty(); }));
    CHECK((task.end == "stored" && task.value == 7 && task.references == 0));
    CHECK((worker.watchers == 0 && worker.tasks.in_flight() == 0));
    CHECK(pool.tables.completions.empty());
    CHECK(!pool.is_told_to_rise());
}

TEST_CASE("a thread that ends its watch has the worker ring first, and then looks for the last time", "[direct_path]") {
    SleepingPool pool;
    WorkerLink& worker = pool.add_readable_worker();
    recorded::Task task;
    pool.push(task);
    REQUIRE(pool.direct.give());
    // While the thread watches, more is to be sent than the ring takes, and the worker writes what makes the pool close its
    // pipes. So what the worker is to ring for tells whether that was said before the ring was read.
    const std::vector<std::byte> large(2 * ByteRing::capacity);
    bool begun = false;
    pool.direct.look_for_end(task, [&] {
        if (!std::exchange(begun, true)) {
            pool.locked([&] {
                worker.queue_frame(make_header(FrameType::forget, large.size()), large);
                return 0;
            });
            worker.life.note_exit();  // the pool kills what is there, and this process stands for it
            const std::array<std::byte, sizeof(FrameHeader)> nonsense{std::byte{1}};
            parts::write(worker, nonsense);
        }
        return false;
    });
    CHECK(!worker.pipes().tasks_open());
    CHECK(static_cast<WorkerPage*>(static_cast<void*>(&worker.page()))->pool_bell.must_ring(Bell::room));
}

TEST_CASE("a thread that waits leaves callbacks to the manager thread, which is woken for them", "[direct_path]") {
    SleepingPool pool;
    WorkerLink& worker = pool.add_readable_worker();
    recorded::Task task;
    task.has_callback = true;
    pool.push(task);
    REQUIRE(pool.direct.give());
    parts::say(worker, FrameType::result, task, parts::encoded(7));
    pool.direct.look_for_end(task, [&] { return !task.end.empty(); });
    CHECK(task.end == "stored");
    CHECK(pool.is_told_to_rise());
    CHECK(pool.tables.signal.has_news());
    pool.deliver();
    CHECK((task.end == "callbacks have run" && task.references == 0));
}

TEST_CASE("a thread that waits reads nothing for others: the manager thread is woken for their results", "[direct_path]") {
    SleepingPool pool;
    WorkerLink& worker = pool.add_readable_worker();
    recorded::Task mine;
    pool.push(mine);
    REQUIRE(pool.direct.give());
    parts::say(worker, FrameType::exception, mine);  // an exception has to be decoded by the manager thread
    CHECK(!pool.direct.look_for_end(mine, [&] { return !mine.end.empty(); }));
    CHECK((mine.stage == Stage::ended && mine.end.empty()));
    CHECK(pool.is_told_to_rise());
    pool.deliver();
    CHECK(mine.end == "exception");
}

TEST_CASE("a thread does not watch a worker for a task that waits behind another one, or is not sent", "[direct_path]") {
    SleepingPool pool;
    WorkerLink& worker = pool.add_readable_worker();
    std::array<recorded::Task, 2> tasks;
    recorded::Task queued;
    for (recorded::Task& task : tasks) pool.submit(task);
    pool.dispatcher.dispatch(0);
    REQUIRE(worker.tasks.in_flight() == 2);
    pool.push(queued);
    int looks = 0;
    const auto never = [&] { return ++looks < 0; };
    for (RemoteTask* const task : {static_cast<RemoteTask*>(&tasks[0]), static_cast<RemoteTask*>(&queued)}) {
        CHECK(!pool.direct.look_for_end(*task, never));
        CHECK(worker.watchers == 0);
    }
    CHECK(looks > 0);
}

TEST_CASE("a thread that has read its result wakes the manager thread if that has anything to do", "[direct_path]") {
    enum class Task { nothing, notice, shutdown, by_force, idle_timeout, tasks_per_child, queued, in_intake, another_running, output, dying, closed_pipe };
    for (const Task what : {Task::nothing, Task::notice, Task::shutdown, Task::by_force, Task::idle_timeout, Task::tasks_per_child, Task::queued,
                            Task::in_intake, Task::another_running, Task::output, Task::dying, Task::closed_pipe}) {
        CAPTURE(static_cast<int>(what));
        SleepingPool pool({.max_workers = 4,
                           .max_tasks_per_child = what == Task::tasks_per_child ? 9u : 0u,
                           .idle_timeout = what == Task::idle_timeout ? concurrent::futures::Duration(std::chrono::hours(1))
                                                                      : concurrent::futures::Duration()});
        WorkerLink& worker = pool.add_readable_worker();
        recorded::Task task;
        pool.push(task);
        REQUIRE(pool.direct.give());
        REQUIRE(worker.page().start(task.slot, task.id));
        parts::say(worker, FrameType::result, task, parts::encoded(7));
        WorkerLink& other = pool.add_worker();
        recorded::Task later, last;
        if (what == Task::notice) pool.tables.completions.add({.kind = WorkerNotice::Kind::exit_failed});
        if (what == Task::shutdown) pool.tables.closed = true;
        if (what == Task::by_force) pool.tables.forced = true;
        if (what == Task::queued) pool.submit(later);
        if (what == Task::in_intake) pool.push(later);
        if (what == Task::another_running) {
            pool.submit(later);
            pool.submit(last);
            for (RemoteTask* const next : {static_cast<RemoteTask*>(&later), static_cast<RemoteTask*>(&last)}) {
                REQUIRE(pool.tables.next_queued() == next);
                pool.dispatcher.give(other, *next);
            }
            other.flush();
        }
        const std::vector<std::byte> large(2 * ByteRing::capacity);
        if (what == Task::output) other.queue_frame(make_header(FrameType::forget, large.size()), large);
        if (what == Task::dying) other.leave_a_moment();
        if (what == Task::closed_pipe) other.pipes().close_results();
        CHECK(pool.direct.look_for_end(task, [&] { return !task.end.empty(); }));
        CHECK(task.end == "stored");
        CHECK(pool.is_told_to_rise() == (what != Task::nothing));
    }
}

TEST_CASE("a thread does not watch a worker that starts, or that has not been sent everything", "[direct_path]") {
    for (const bool starts : {true, false}) {
        SleepingPool pool;
        WorkerLink& worker = pool.add_worker(!starts);
        worker.process = ProcessHandle(::getpid(), FileDescriptor());
        recorded::Task task;
        pool.submit(task);
        pool.dispatcher.dispatch(0);
        REQUIRE((task.worker == &worker && worker.tasks.in_flight() == 1));
        worker.flush();
        const std::vector<std::byte> large(2 * ByteRing::capacity);
        if (!starts) worker.queue_frame(make_header(FrameType::forget, large.size()), large);
        unsigned watchers = 0;
        CHECK(!pool.direct.look_for_end(task, [&] { return watchers += pool.locked([&] { return worker.watchers; }), false; }));
        CHECK(watchers == 0);
    }
}

TEST_CASE("a submitter says that the manager thread is wanted where results are to be delivered", "[direct_path]") {
    SleepingPool pool;
    pool.add_worker();
    recorded::Task ended, task;
    pool.tables.completions.end(ended, Ending::Kind::cancelled);
    pool.push(task);
    CHECK(!pool.direct.give());
    CHECK(task.stage == Stage::sent);
    pool.deliver();
}

TEST_CASE("the manager thread is wanted after a submitter has met a cancelled task, or a ring that is full", "[direct_path]") {
    {
        SleepingPool pool;
        pool.add_worker();
        recorded::Task cancelled, task;
        pool.push(cancelled);
        pool.tables.queue.collect();
        cancelled.stage = Stage::revoked;
        pool.tables.queue.note_cancelled();
        pool.push(task);
        CHECK(!pool.direct.give());
        CHECK(task.stage == Stage::sent);
        pool.deliver();
        CHECK(cancelled.references == 0);
    }
    SleepingPool pool;
    WorkerLink& worker = pool.add_worker();
    const std::vector<std::byte> large(2 * ByteRing::capacity);
    worker.queue_frame(make_header(FrameType::forget, large.size()), large);
    recorded::Task task;
    pool.push(task);
    CHECK(!pool.direct.give());
    CHECK(task.stage == Stage::sent);
}

TEST_CASE("a submitter gives no task to a worker of a pool that has paused", "[direct_path]") {
    SleepingPool pool;
    pool.add_worker();
    recorded::Task task;
    pool.push(task);
    pool.tables.paused = true;
    CHECK(!pool.direct.give());
    CHECK(task.stage != Stage::sent);
}

}  // namespace
