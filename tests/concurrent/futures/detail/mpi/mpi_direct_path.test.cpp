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

TEST_CASE("a submitter says that the engine is wanted where somebody is to be told of something, or MPI has failed", "[mpi_direct_path]") {
    for (const bool failed : {false, true}) {
        Asleep hub;
        {
            const std::lock_guard lock(hub.tables.mutex);
            if (failed)
                hub.tables.broken = "the network is gone";
            else
                hub.tables.completions.end(hub.other, Ending::Kind::cancelled);
        }
        hub.push(hub.task);
        CHECK(!hub.direct.give(hub.pool));
        CHECK((hub.task.stage == RemoteTask::Stage::queued) == failed);
        if (!failed) hub.deliver();
    }
}

TEST_CASE("a thread that has looked for its result wakes the engine if that has anything to do", "[mpi_direct_path]") {
    enum class Task { nothing, shutdown, callback, failure, moving, recall };
    for (const Task what : {Task::nothing, Task::shutdown, Task::callback, Task::failure, Task::moving, Task::recall}) {
        CAPTURE(static_cast<int>(what));
        Asleep hub(2);
        hub.push(hub.task);
        hub.push(hub.other);
        REQUIRE(hub.direct.give(hub.pool));
        const std::size_t place = hub.task.lane->peer.place;
        parts::Task behind;
        {
            const std::lock_guard lock(hub.tables.mutex);
            if (what == Task::recall) {  // another task stands behind that of the other lane
                hub.other.lane->pace.note_end(1000);
                hub.submit(hub.pool, behind);
                hub.dispatcher.dispatch(hub.pool, false);
            }
            concurrent::futures::Encoder result;
            result.encode(5);
            if (what == Task::failure)
                hub.port->polls_until_failure = 1;
            else if (what != Task::moving)
                hub.port->say(place, FrameType::result, hub.task.id, 0, result.bytes());
            if (what == Task::shutdown) hub.pool.close();
            hub.task.has_callback = what == Task::callback;
            hub.port->moves = what == Task::moving;
        }
        if (what == Task::recall) REQUIRE((behind.stage == RemoteTask::Stage::sent && behind.lane == hub.other.lane));
        bool is_over = hub.direct.look_for_end(hub.task, [&] {
            const std::unique_lock lock(hub.tables.mutex, std::try_to_lock);
            return lock.owns_lock() && !hub.task.end.empty();
        });
        {
            const std::lock_guard lock(hub.tables.mutex);
            is_over = is_over || !hub.task.end.empty();
            CHECK(is_over == (what != Task::failure && what != Task::moving));
            CHECK(hub.tables.sleep.is_asleep() == (what == Task::nothing));
        }
        hub.deliver();
    }
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
