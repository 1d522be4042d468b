// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/processes/result_reader.hpp>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <string>

#include "concurrent/futures/detail/processes/pool_parts.hpp"

namespace {

using namespace concurrent::futures::detail;

TEST_CASE("a result that a worker sends is the end of its task, decoded in the delivery", "[result_reader]") {
    parts::Pool pool;
    WorkerLink& worker = pool.add_worker();
    recorded::Task task;
    pool.submit(task);
    pool.dispatcher.dispatch(0);
    pool.reader.read(worker);
    CHECK(task.stage == RemoteTask::Stage::sent);
    parts::say(worker, FrameType::result, task, parts::encoded(42));
    pool.reader.read(worker);
    CHECK((task.stage == RemoteTask::Stage::ended && task.end.empty()));
    CHECK((worker.tasks.in_flight() == 0 && pool.tables.completions.counts().completed == 1));
    pool.deliver();
    CHECK((task.end == "result" && task.value == 42 && task.references == 0));
}

TEST_CASE("a task with retries that throws goes back to the queue, and its last exception counts", "[result_reader]") {
    parts::Pool pool;
    WorkerLink& worker = pool.add_worker();
    recorded::Task task;
    task.limits.retries = 1;
    pool.submit(task);
    for (const bool is_last : {false, true}) {
        pool.dispatcher.dispatch(0);
        parts::say(worker, FrameType::exception, task);
        pool.reader.read(worker);
        CHECK((task.stage == RemoteTask::Stage::ended) == is_last);
        CHECK(pool.tables.queue.waiting() == (is_last ? 0 : 1));
    }
    CHECK((task.failures == 1 && pool.tables.completions.counts().failed == 1));
}

TEST_CASE("a worker that sends what makes no sense is killed, and says why", "[result_reader]") {
    enum class Nonsense { unknown_task, no_frame, second_start, skip_of_a_wanted_task };
    const auto nonsense = {Nonsense::unknown_task, Nonsense::no_frame, Nonsense::second_start,
                           Nonsense::skip_of_a_wanted_task};
    for (const Nonsense kind : nonsense) {
        parts::Pool pool;
        WorkerLink& worker = pool.add_worker();
        recorded::Task task, stranger;
        pool.submit(task);
        pool.dispatcher.dispatch(0);
        stranger.id = 999;
        constexpr std::array<std::byte, 64> zeros{};
        if (kind == Nonsense::unknown_task) parts::say(worker, FrameType::result, stranger);
        if (kind == Nonsense::no_frame) parts::write(worker, zeros);
        if (kind == Nonsense::second_start) parts::say(worker, FrameType::ready, stranger);
        if (kind == Nonsense::skip_of_a_wanted_task) parts::say(worker, FrameType::skipped, task);
        pool.reader.read(worker);
        CHECK(worker.life.is_killed());
        CHECK(worker.life.complaint().find("no message") != std::string::npos);
        CHECK(worker.pipes().result_fd() < 0);
        CHECK(task.stage == RemoteTask::Stage::sent);  // its end comes with the worker's
    }
}

TEST_CASE("a worker that closes its pipe has a moment to end by itself, one that was told to leave has its own time", "[result_reader]") {
    parts::Pool pool;
    WorkerLink& dies = pool.add_worker();
    WorkerLink& leaves = pool.add_worker();
    leaves.life.note_stop();
    ResultReader::note_end_of_results(dies);
    ResultReader::note_end_of_results(leaves);
    CHECK(dies.life.is_dying());
    CHECK(!leaves.life.is_dying());
}

TEST_CASE("a worker that has taken shared memory reads none where the pool has none", "[result_reader]") {
    parts::Pool pool;
    WorkerLink& worker = pool.add_worker(false);
    REQUIRE(!pool.tables.memory.arena());
    parts::say(worker, FrameType::ready, recorded::Task(), parts::encoded(1));
    pool.reader.read(worker);
    CHECK((worker.life.is_ready() && !worker.reads_shared_memory));
}

TEST_CASE("a worker that has ended is not killed for what it has sent, as its number may be another process's by now", "[result_reader]") {
    parts::Pool pool;
    WorkerLink& worker = pool.add_worker();
    worker.life.note_exit();
    constexpr std::array<std::byte, 64> zeros{};
    parts::write(worker, zeros);
    pool.reader.read(worker);
    CHECK(!worker.life.is_killed());
    CHECK((worker.pipes().result_fd() < 0 && !worker.pipes().tasks_open()));
}

TEST_CASE("a worker is idle since the end of its last task", "[result_reader]") {
    parts::Pool pool;
    WorkerLink& worker = pool.add_worker();
    recorded::Task task;
    REQUIRE(pool.run(worker, task));
    const auto before = worker.idle_since;
    parts::say(worker, FrameType::result, task, parts::encoded(42));
    while (std::chrono::steady_clock::now() == before) {
    }
    pool.reader.read(worker);
    CHECK(worker.idle_since > before);
    pool.deliver();
}

TEST_CASE("a result that comes while its worker is ended for the task counts if the task was asked to stop, and is too late after a time limit", "[result_reader]") {
    using Cause = WorkerLife::Eviction::Cause;
    for (const Cause cause : {Cause::stop, Cause::timeout}) {
        parts::Pool pool;
        WorkerLink& worker = pool.add_worker();
        recorded::Task task;
        REQUIRE(pool.run(worker, task));
        worker.life.evict(cause, task.id);
        parts::say(worker, FrameType::result, task, parts::encoded(42));
        pool.reader.read(worker);
        pool.deliver();
        CHECK(task.end == (cause == Cause::stop ? "result" : "exception"));
        CHECK(worker.life.is_killed() == (cause == Cause::timeout));  // it may still be dying
    }
}

}  // namespace
