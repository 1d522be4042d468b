// SPDX-License-Identifier: MIT
//
// What other threads do in place of the engine thread of MPI pools while that sleeps.
#include <concurrent/futures/detail/mpi/mpi_direct_path.hpp>

#include <signal.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstddef>
#include <mutex>
#include <thread>
#include <vector>

#include "concurrent/futures/detail/mpi/hub_parts.hpp"

namespace {

using namespace concurrent::futures::detail;

/// An engine thread that sleeps until it is woken; all ranks would ring its bell.
struct Asleep : parts::Hub {
    explicit Asleep(std::size_t ranks = 1) : parts::Hub(ranks), pool(add_pool({.max_workers = ranks})) {
        tables.sleep.set_bell(&bell);
        engine = std::thread([this] {
            sigset_t all;  // a signal would end the sleep
            ::sigfillset(&all);
            ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
            EngineSleep::Lock lock(tables.mutex);
            tables.sleep.wait(lock, {.polls = true, .all_ring = true}, [] { return false; });
        });
        while (!tables.sleep.is_asleep()) std::this_thread::yield();
        const std::lock_guard lock(tables.mutex);  // it has looked, and sleeps
    }
    ~Asleep() {
        tables.sleep.wake();
        engine.join();
    }
    void push(parts::Task& one) { pool.queue.intake.push(one, concurrent::futures::Priority::normal); }

    MpiPool& pool;
    MpiDirectPath direct{tables, dispatcher, replies};
    SharedDoorbell bell;
    parts::Task task, other;
    std::thread engine;
};

TEST_CASE("while the engine sleeps, a submitter sends its task to a lane with nothing to do", "[mpi_direct_path]") {
    Asleep hub;
    hub.push(hub.task);
    CHECK(hub.direct.give(hub.pool));
    CHECK(hub.task.stage == RemoteTask::Stage::sent);
    CHECK(parts::types_of(hub.port->sent(0)) == std::vector{FrameType::configure, FrameType::task});
    hub.push(hub.other);
    CHECK(!hub.direct.give(hub.pool));  // no lane is idle: the engine is wanted
    CHECK(hub.other.stage == RemoteTask::Stage::queued);
}

TEST_CASE("the engine is wanted when what a submitter sends has not all gone", "[mpi_direct_path]") {
    Asleep hub;
    hub.port->moves = true;
    hub.push(hub.task);
    CHECK(!hub.direct.give(hub.pool));
    CHECK(hub.task.stage == RemoteTask::Stage::sent);
}

TEST_CASE("a submitter leaves its task to an engine that is awake", "[mpi_direct_path]") {
    parts::Hub hub(1);
    MpiPool& pool = hub.add_pool({.max_workers = 1});
    MpiDirectPath direct{hub.tables, hub.dispatcher, hub.replies};
    parts::Task task;
    pool.queue.intake.push(task, concurrent::futures::Priority::normal);
    CHECK(direct.give(pool));
    CHECK(task.stage == RemoteTask::Stage::queued);
}

TEST_CASE("a thread that looks for its result hands out what waits when a lane has become idle", "[mpi_direct_path]") {
    Asleep hub;
    hub.push(hub.task);
    REQUIRE(hub.direct.give(hub.pool));
    hub.push(hub.other);
    concurrent::futures::Encoder result;
    result.encode(5);
    hub.port->say(0, FrameType::result, hub.task.id, 0, result.bytes());
    CHECK(hub.direct.look_for_end(hub.task, [&] {
        CHECK(hub.tables.sleep.is_watched());
        return !hub.task.end.empty();
    }));
    CHECK_FALSE(hub.tables.sleep.is_watched());
    const std::lock_guard lock(hub.tables.mutex);
    CHECK(hub.task.value == 5);
    CHECK(hub.other.stage == RemoteTask::Stage::sent);
}

TEST_CASE("a thread that has its result wakes the engine if what it sent meanwhile has not all gone", "[mpi_direct_path]") {
    const bool moves = GENERATE(false, true);
    Asleep hub;
    hub.push(hub.task);
    REQUIRE(hub.direct.give(hub.pool));
    hub.push(hub.other);
    concurrent::futures::Encoder result;
    result.encode(5);
    hub.port->say(0, FrameType::result, hub.task.id, 0, result.bytes());
    hub.port->moves = moves;
    CHECK(hub.direct.look_for_end(hub.task, [&] { return !hub.task.end.empty(); }));
    CHECK(hub.tables.sleep.is_asleep() == !moves);
    const std::lock_guard lock(hub.tables.mutex);
    CHECK(hub.other.stage == RemoteTask::Stage::sent);
}

TEST_CASE("a submitter sends nothing when MPI has failed, and wants the engine", "[mpi_direct_path]") {
    Asleep hub;
    hub.push(hub.task);
    {
        const std::lock_guard lock(hub.tables.mutex);
        hub.tables.broken = "the network is gone";
    }
    CHECK(!hub.direct.give(hub.pool));
    CHECK(hub.port->sent(0).empty());
}

TEST_CASE("a thread that has read its result wakes the engine when a pool is to end, or a lane keeps tasks while one is idle", "[mpi_direct_path]") {
    const bool closes = GENERATE(false, true);
    Asleep hub(2);
    for (parts::Task* const one : {&hub.task, &hub.other}) {
        hub.push(*one);
        REQUIRE(hub.direct.give(hub.pool));
    }
    parts::Task behind;
    {
        const std::lock_guard lock(hub.tables.mutex);
        if (closes) {
            hub.pool.close();
        } else {
            hub.other.lane->in_flight.push_back({&behind, &hub.pool});
            ++hub.pool.in_flight;
            ++hub.tables.awaited;
        }
    }
    concurrent::futures::Encoder result;
    result.encode(5);
    hub.port->say(hub.task.lane->peer.place, FrameType::result, hub.task.id, 0, result.bytes());
    CHECK(hub.direct.look_for_end(hub.task, [&] { return !hub.task.end.empty(); }));
    CHECK(!hub.tables.sleep.is_asleep());
}

TEST_CASE("a thread that reads what the engine has to tell, or that MPI has failed, wakes the engine at once", "[mpi_direct_path]") {
    const bool fails = GENERATE(false, true);
    Asleep hub(2);
    for (parts::Task* const one : {&hub.task, &hub.other}) {
        hub.push(*one);
        REQUIRE(hub.direct.give(hub.pool));
    }
    if (fails)
        hub.port->polls_until_failure = 1;
    else
        hub.port->say(hub.other.lane->peer.place, FrameType::exception, hub.other.id);
    int looks = 0;
    hub.direct.look_for_end(hub.task, [&] {
        ++looks;
        return false;
    });
    CHECK(looks == 2);  // after the message, and at the end
    CHECK(!hub.tables.sleep.is_asleep());
    hub.tables.release_abandoned();
}

}  // namespace
