// SPDX-License-Identifier: MIT
//
// What becomes of a task when its rank answers.
#include <concurrent/futures/detail/mpi/reply_reader.hpp>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "concurrent/futures/detail/mpi/hub_parts.hpp"

namespace {

using namespace concurrent::futures::detail;
using concurrent::futures::Encoder;
namespace cf = concurrent::futures;
using Stage = RemoteTask::Stage;

ByteBuffer encoded(const std::exception& error) {
    Encoder encoder;
    encode_exception(encoder, std::make_exception_ptr(std::runtime_error(error.what())));
    return std::move(encoder).take();
}

/// Three tasks that one lane was given.
struct Busy : parts::Hub {
    explicit Busy(MpiSettings settings = {.max_workers = 1}) : parts::Hub(1), pool(add_pool(std::move(settings))) {
        for (parts::Task& task : tasks) submit(pool, task);
        dispatcher.dispatch();
        lane().pace.note_end(1000);
        hand_out();
        static_cast<void>(port->sent(0));
    }
    RootLane& lane() { return *pool.lanes[0]; }
    std::array<parts::Task, 3> tasks;
    MpiPool& pool;
};

TEST_CASE("a result ends the first task of its lane", "[reply_reader]") {
    Busy hub;
    REQUIRE(hub.pool.in_flight == 3);
    hub.answer(0, hub.tasks[0], 5);
    CHECK((hub.pool.in_flight == 2 && hub.tables.awaited == 2 && hub.pool.completed == 1));
    CHECK(hub.tasks[0].end.empty());
    hub.deliver();
    CHECK((hub.tasks[0].end == "result" && hub.tasks[0].value == 5 && hub.tasks[0].references == 0));
}

TEST_CASE("a result of a task that is not the first is refused", "[reply_reader]") {
    Busy hub;
    hub.port->say(0, FrameType::result, hub.tasks[1].id);
    CHECK_THROWS_AS(hub.receive(), cf::SerializationError);
}

TEST_CASE("an exception ends its task, or sends it back to the queue while retries are left", "[reply_reader]") {
    Busy hub;
    hub.tasks[0].limits.retries = 1;
    const ByteBuffer error = encoded(std::runtime_error("no luck"));
    hub.port->say(0, FrameType::exception, hub.tasks[0].id, 0, error.bytes());
    hub.receive();
    CHECK((hub.tasks[0].stage == Stage::queued && hub.tasks[0].limits.retries == 0 && hub.pool.failed == 0));
    hub.answer(0, hub.tasks[1], 1);
    hub.answer(0, hub.tasks[2], 2);
    hub.hand_out();
    hub.port->say(0, FrameType::exception, hub.tasks[0].id, 0, error.bytes());
    hub.receive();
    hub.deliver();
    CHECK((hub.tasks[0].end == "exception" && hub.tasks[0].error == "no luck" && hub.pool.failed == 1));
}

TEST_CASE("what comes back from a recall waits in its old order", "[reply_reader]") {
    Busy hub;
    hub.dispatcher.recall(hub.lane());
    CHECK(hub.tables.awaited == 4);
    hub.port->say(0, FrameType::skipped, hub.tasks[1].id);
    hub.port->say(0, FrameType::skipped, hub.tasks[2].id);
    hub.receive();
    CHECK((hub.pool.queue.waiting() == 0 && hub.lane().recalling));
    hub.port->say(0, FrameType::recalled, 0);
    hub.receive();
    CHECK((!hub.lane().recalling && hub.tables.awaited == 1 && hub.pool.in_flight == 1));
    CHECK(hub.tables.next_queued(hub.pool) == &hub.tasks[1]);
    CHECK(hub.tables.next_queued(hub.pool) == &hub.tasks[2]);
}

TEST_CASE("a pool does not end between a task that comes back and the end of the recall", "[reply_reader]") {
    Busy hub;
    hub.dispatcher.recall(hub.lane());
    hub.answer(0, hub.tasks[0], 5);
    hub.port->say(0, FrameType::skipped, hub.tasks[1].id);
    hub.port->say(0, FrameType::skipped, hub.tasks[2].id);
    hub.receive();
    CHECK((hub.pool.in_flight == 2 && hub.lane().is_idle()));
    hub.pool.close();
    hub.closer.let_leave();
    CHECK(hub.pool.stage() == MpiPool::Stage::closed);
    hub.port->say(0, FrameType::recalled, 0);
    hub.receive();
    CHECK((hub.pool.in_flight == 0 && hub.pool.queue.waiting() == 2));
    CHECK(hub.tables.awaited == 0);
    hub.hand_out();
    CHECK(hub.pool.in_flight == 1);  // one at a time after a recall
}

TEST_CASE("a task that comes back and is wanted by a cancel() is revoked", "[reply_reader]") {
    Busy hub;
    hub.tasks[2].wanted_back = true;
    hub.dispatcher.recall(hub.lane());
    hub.port->say(0, FrameType::skipped, hub.tasks[2].id);
    hub.port->say(0, FrameType::recalled, 0);
    hub.receive();
    CHECK((hub.tasks[2].stage == Stage::revoked && hub.pool.cancelled == 1));
}

TEST_CASE("an initializer that throws breaks its pool, with rank, host and text", "[reply_reader]") {
    Busy hub;
    const ByteBuffer error = encoded(std::runtime_error("no licence"));
    hub.port->say(0, FrameType::start_failed, hub.pool.number, 0, error.bytes());
    for (const parts::Task& task : hub.tasks) hub.port->say(0, FrameType::skipped, task.id);
    hub.receive();
    hub.deliver();
    CHECK(hub.pool.broken == "MPIPoolExecutor: the initializer threw on rank 1 (host node1): no licence");
    hub.deliver();
    for (const parts::Task& task : hub.tasks) CHECK((task.end == "exception" && task.error == hub.pool.broken));
}

TEST_CASE("a pool ends when its lanes have left, and worker_exit that throws is reported", "[reply_reader]") {
    std::string reported;
    Busy hub(MpiSettings{.max_workers = 1, .hook = [&](std::exception_ptr error) {
                             try {
                                 std::rethrow_exception(std::move(error));
                             } catch (const std::exception& caught) {
                                 reported = caught.what();
                             }
                         }});
    hub.pool.close();
    hub.closer.let_leave();
    CHECK(hub.pool.stage() == MpiPool::Stage::closed);  // tasks are in flight
    for (const parts::Task& task : hub.tasks) hub.answer(0, task, 1);
    hub.closer.let_leave();
    hub.tables.peers.ship_all();
    CHECK(parts::types_of(hub.port->sent(0)) == std::vector<FrameType>{FrameType::stop});
    CHECK(hub.closer.end() == nullptr);
    const ByteBuffer error = encoded(std::runtime_error("no goodbye"));
    hub.port->say(0, FrameType::left, hub.pool.number, 0, error.bytes());
    hub.receive();
    hub.deliver();
    CHECK(reported == "no goodbye");
    CHECK(hub.closer.end() != nullptr);
    CHECK((hub.pool.stage() == MpiPool::Stage::ended && hub.tables.pools.empty()));
}

TEST_CASE("when MPI fails, all tasks fail with the reason", "[reply_reader]") {
    Busy hub;
    parts::Task waiting;
    hub.submit(hub.pool, waiting);
    hub.tables.break_all("MPI_Isend failed");
    hub.deliver();
    CHECK((hub.tasks[0].references == 1 && hub.tasks[2].references == 1));  // the rank may still read what they were sent with
    hub.tables.release_abandoned();
    for (const parts::Task* task : {&hub.tasks[0], &hub.tasks[2], &waiting})
        CHECK((task->end == "exception" && task->error == "MPI_Isend failed" && task->references == 0));
    CHECK((hub.tables.awaited == 0 && hub.pool.in_flight == 0 && hub.pool.failed == 4));
    hub.pool.close();
    hub.closer.let_leave();
    CHECK(hub.closer.end() != nullptr);
}

TEST_CASE("a frame of a lane that a rank does not have, or that is not for the root, is refused", "[reply_reader]") {
    Busy hub;
    SECTION("lane") { hub.port->say(0, FrameType::result, hub.tasks[0].id, 5); }
    SECTION("type") { hub.port->say(0, FrameType::task, hub.tasks[0].id); }
    SECTION("task") { hub.port->say(0, FrameType::skipped, 4711); }
    CHECK_THROWS_AS(hub.receive(), cf::SerializationError);
}

TEST_CASE("an answer is news for the engine, and from then on of its lane", "[reply_reader]") {
    Busy hub;
    const std::int64_t before = monotonic_nanoseconds();
    hub.answer(0, hub.tasks[0], 5);
    CHECK(hub.tables.sleep.last_news() >= before);
    hub.lane().last_news = 0;
    hub.answer(0, hub.tasks[1], 6);
    CHECK(hub.lane().last_news >= before);
}

TEST_CASE("a task that comes back to a broken pool, or throws there with retries left, ends", "[reply_reader]") {
    Busy hub;
    hub.tasks[0].limits.retries = 1;
    hub.dispatcher.recall(hub.lane());
    hub.tables.break_pool(hub.pool, "no licence");
    hub.port->say(0, FrameType::exception, hub.tasks[0].id, 0, encoded(std::runtime_error("no luck")).bytes());
    hub.port->say(0, FrameType::skipped, hub.tasks[1].id);
    hub.port->say(0, FrameType::skipped, hub.tasks[2].id);
    hub.port->say(0, FrameType::recalled, 0);
    hub.receive();
    hub.deliver();
    CHECK(hub.tasks[0].error == "no luck");
    for (std::size_t i : {1u, 2u}) CHECK((hub.tasks[i].end == "exception" && hub.tasks[i].error == "no licence"));
    CHECK((hub.pool.in_flight == 0 && hub.pool.queue.size() == 0));
}

TEST_CASE("an exception is known to be of its rank's process", "[reply_reader]") {
    Busy hub;
    hub.port->say(0, FrameType::exception, hub.tasks[0].id, 0, encoded(std::runtime_error("no luck")).bytes());
    hub.receive();
    CHECK(hub.tasks[0].ending.pid == 1001);
    hub.deliver();
}

TEST_CASE("when MPI fails, pools that are ending end, and recalls are over", "[reply_reader]") {
    Busy hub;
    MpiPool& leaving = hub.add_pool({.max_workers = 1});
    parts::Task task;
    for (const parts::Task& each : hub.tasks) hub.answer(0, each, 1);
    hub.submit(leaving, task);
    hub.hand_out();
    hub.answer(0, task, 1);
    leaving.close();
    hub.closer.let_leave();
    REQUIRE((leaving.stage() == MpiPool::Stage::leaving && leaving.leaving == 1 && hub.tables.awaited == 1));
    hub.dispatcher.recall(hub.lane());
    hub.tables.break_all("MPI_Isend failed");
    CHECK((!hub.lane().recalling && hub.tables.awaited == 0));
    CHECK(hub.closer.end().get() == &leaving);
    hub.deliver();
}

TEST_CASE("when MPI fails twice, the first reason and what ranks may still read are kept", "[reply_reader]") {
    Busy hub;
    hub.tables.break_all("MPI_Isend failed");
    hub.tables.break_all("and again");
    CHECK(hub.tables.broken == "MPI_Isend failed");
    hub.deliver();
    for (const parts::Task& task : hub.tasks) CHECK((task.error == "MPI_Isend failed" && task.references == 1));
    hub.tables.release_abandoned();
    for (const parts::Task& task : hub.tasks) CHECK(task.references == 0);
}

TEST_CASE("a pool does not begin to end while another thread tells one of its tasks, and drops what was cancelled", "[reply_reader]") {
    Busy hub;
    parts::Task cancelled;
    hub.submit(hub.pool, cancelled);
    cancelled.stage = Stage::revoked;
    hub.pool.queue.note_cancelled();
    hub.pool.close();
    bool was_closed = false;
    hub.tasks[2].at_result = [&] {
        hub.closer.let_leave();
        was_closed = hub.pool.stage() == MpiPool::Stage::closed;
    };
    hub.answer(0, hub.tasks[0], 1);
    hub.answer(0, hub.tasks[1], 1);
    hub.deliver();
    hub.answer(0, hub.tasks[2], 1);
    {
        HubTables::Lock lock(hub.tables.mutex);
        hub.tables.completions.deliver_plain(lock, hub.tasks[2], [] {});
    }
    CHECK((was_closed && hub.tasks[2].end == "stored"));
    hub.closer.let_leave();
    CHECK((hub.pool.stage() == MpiPool::Stage::leaving && hub.tables.awaited == 1));
    hub.deliver();
    CHECK((cancelled.references == 0 && cancelled.end.empty()));
}

TEST_CASE("a pool ends after a task that came back and was wanted by a cancel(), and its observer hears of its ranks", "[reply_reader]") {
    struct Log : cf::Observer {
        void worker_started(const cf::WorkerEvent&) override { ++started; }
        void worker_ended(const cf::WorkerEvent&) override { ++ended; }
        int started = 0, ended = 0;
    };
    const auto log = std::make_shared<Log>();
    Busy hub(MpiSettings{.max_workers = 1, .observer = log});
    hub.deliver();
    CHECK((log->started == 1 && log->ended == 0));
    hub.tasks[2].wanted_back = true;
    hub.dispatcher.recall(hub.lane());
    hub.port->say(0, FrameType::skipped, hub.tasks[2].id);
    hub.port->say(0, FrameType::recalled, 0);
    hub.receive();
    CHECK((hub.pool.in_flight == 2 && hub.tables.awaited == 2));
    hub.answer(0, hub.tasks[0], 1);
    hub.answer(0, hub.tasks[1], 1);
    hub.pool.close();
    hub.closer.let_leave();
    CHECK((hub.pool.stage() == MpiPool::Stage::leaving && hub.tables.awaited == 1));
    hub.port->say(0, FrameType::left, hub.pool.number);
    hub.receive();
    CHECK(hub.tables.awaited == 0);
    CHECK(hub.closer.end() != nullptr);
    hub.deliver();
    CHECK((log->started == 1 && log->ended == 1 && hub.tasks[2].references == 0));
}

}  // namespace
