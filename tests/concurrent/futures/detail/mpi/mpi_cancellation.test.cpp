// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/mpi/mpi_cancellation.hpp>

#include <array>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

#include "concurrent/futures/detail/mpi/hub_parts.hpp"

namespace {

using namespace concurrent::futures::detail;
using Stage = RemoteTask::Stage;

/// The first two of three tasks are with a lane, and the third waits.
struct Busy : parts::Hub {
    Busy() : parts::Hub(1), pool(add_pool({.max_workers = 1})) {
        for (std::size_t i : {0u, 1u}) {
            submit(pool, tasks[i]);
            hand_out();
            pool.lanes[0]->pace.note_end(1000);
        }
        submit(pool, tasks[2]);
    }
    /// What make_progress() does in the engine thread: the rank gives back what it has not started.
    bool answer_recall(bool has_started) {
        if (!has_started) port->say(0, FrameType::skipped, tasks[1].id);
        port->say(0, FrameType::recalled, 0);
        receive();
        return true;
    }
    bool revoke(parts::Task& task, bool has_started = false) {
        return cancellation.revoke(pool, task, [&] { return answer_recall(has_started); });
    }

    std::array<parts::Task, 3> tasks;
    MpiPool& pool;
    MpiCancellation cancellation{tables, dispatcher};
};

TEST_CASE("a task that waits is cancelled at once, by one caller", "[mpi_cancellation]") {
    Busy hub;
    CHECK(hub.revoke(hub.tasks[2]));
    CHECK(hub.cancellation.is_revoked(hub.tasks[2]));
    CHECK(!hub.revoke(hub.tasks[2]));
    CHECK(hub.pool.cancelled == 1);
    CHECK(hub.tables.next_queued(hub.pool) == nullptr);
}

TEST_CASE("the first task of a lane runs and is not cancelled", "[mpi_cancellation]") {
    Busy hub;
    CHECK(hub.cancellation.is_running(hub.tasks[0]));
    CHECK(!hub.revoke(hub.tasks[0]));
}

TEST_CASE("a task that was sent in advance is cancelled if its rank has not started it", "[mpi_cancellation]") {
    Busy hub;
    CHECK(!hub.cancellation.is_running(hub.tasks[1]));
    SECTION("not started") {
        CHECK(hub.revoke(hub.tasks[1], false));
        CHECK(hub.pool.cancelled == 1);
    }
    SECTION("started meanwhile") {
        CHECK(!hub.revoke(hub.tasks[1], true));
        CHECK((hub.tasks[1].stage == Stage::sent && !hub.tasks[1].wanted_back));
    }
}

// F62
TEST_CASE("a task that has come back counts as pending, also before the recall is over", "[mpi_cancellation]") {
    Busy hub;
    const auto is = [&](std::size_t running, std::size_t pending) {
        const MpiPool::Counts counts = hub.pool.counts();
        return counts.running == running && counts.pending == pending;
    };
    CHECK(is(1, 2));
    hub.dispatcher.recall(*hub.pool.lanes[0]);
    hub.port->say(0, FrameType::skipped, hub.tasks[1].id);
    hub.receive();
    CHECK(is(1, 2));
    hub.answer_recall(true);
    CHECK(is(1, 2));
    CHECK((hub.revoke(hub.tasks[1]) && is(1, 1)));
}

TEST_CASE("a task that has come back is cancelled before the recall is over", "[mpi_cancellation]") {
    Busy hub;
    hub.dispatcher.recall(*hub.pool.lanes[0]);
    hub.port->say(0, FrameType::skipped, hub.tasks[1].id);
    hub.receive();
    CHECK(!hub.cancellation.is_running(hub.tasks[1]));
    hub.tasks[1].takes_stop_token = true;
    CHECK(!hub.cancellation.request_stop(hub.tasks[1]));  // it does not run
    const auto end_recall = [&] { return hub.answer_recall(true); };
    SECTION("alone") {
        CHECK(hub.revoke(hub.tasks[1], true));
        CHECK(hub.pool.cancelled == 1);
    }
    SECTION("with all others") {
        MpiCancellation::Revoked revoked;
        {
            HubTables::Lock lock(hub.tables.mutex);
            revoked = hub.cancellation.revoke_all_unstarted(lock, hub.pool, end_recall);
        }
        hub.cancellation.end_revoked(std::move(revoked));
        CHECK((hub.tasks[1].end == "cancelled" && hub.tasks[2].end == "cancelled" && hub.pool.cancelled == 2));
    }
}

TEST_CASE("a thread that cancels a task which another one cancels waits for the rank's answer as well", "[mpi_cancellation]") {
    Busy hub;
    const bool has_started = GENERATE(false, true);
    bool second = true, second_knows = true;
    const bool first = hub.cancellation.revoke(hub.pool, hub.tasks[1], [&] {
        second = hub.cancellation.revoke(hub.pool, hub.tasks[1], [&] { return hub.answer_recall(has_started); });
        second_knows = hub.cancellation.is_revoked(hub.tasks[1]);
        return true;
    });
    CHECK((first == !has_started && !second && second_knows == !has_started));
}

TEST_CASE("all tasks that have not started are cancelled, and their futures end", "[mpi_cancellation]") {
    Busy hub;
    MpiCancellation::Revoked revoked;
    {
        HubTables::Lock lock(hub.tables.mutex);
        revoked = hub.cancellation.revoke_all_unstarted(lock, hub.pool, [&] { return hub.answer_recall(false); });
    }
    hub.cancellation.end_revoked(std::move(revoked));
    CHECK(hub.tasks[0].end.empty());
    CHECK((hub.tasks[1].end == "cancelled" && hub.tasks[2].end == "cancelled" && hub.pool.cancelled == 2));
}

TEST_CASE("a running task is asked to stop if it takes a stop token, and is refused otherwise", "[mpi_cancellation]") {
    Busy hub;
    static_cast<void>(hub.port->sent(0));
    CHECK_THROWS_AS(hub.cancellation.request_stop(hub.tasks[0]), std::invalid_argument);
    hub.tasks[0].takes_stop_token = true;
    CHECK(hub.cancellation.request_stop(hub.tasks[0]));
    CHECK(parts::types_of(hub.port->sent(0)) == std::vector<FrameType>{FrameType::ask_to_stop});
    CHECK(!hub.cancellation.request_stop(hub.tasks[2]));  // it waits
}

TEST_CASE("who waits for room in an MPI pool is told of a task that is cancelled", "[mpi_cancellation]") {
    parts::Hub hub(1);
    MpiPool& pool = hub.add_pool({.max_workers = 1, .max_pending = 1});
    MpiCancellation cancellation{hub.tables, hub.dispatcher};
    parts::Task task;
    hub.submit(pool, task);
    parts::RoomWaiter waiter(hub.tables, pool);
    CHECK(cancellation.revoke(pool, task, [] { return true; }));
    waiter.join();
}

TEST_CASE("a task that has started while it was asked back is wanted by nobody any more", "[mpi_cancellation]") {
    for (const bool alone : {false, true}) {
        Busy hub;
        const auto end_recall = [&] { return hub.answer_recall(true); };
        if (alone) {
            CHECK(!hub.revoke(hub.tasks[1], true));
        } else {
            HubTables::Lock lock(hub.tables.mutex);
            MpiCancellation::Revoked revoked = hub.cancellation.revoke_all_unstarted(lock, hub.pool, end_recall);
            CHECK(revoked.sent.empty());
            lock.unlock();
            hub.cancellation.end_revoked(std::move(revoked));
        }
        CHECK((!hub.tasks[1].wanted_back && hub.tasks[1].references == 1));
        hub.dispatcher.recall(*hub.pool.lanes[0]);  // for another reason
        hub.answer_recall(false);
        CHECK(hub.tasks[1].stage == Stage::queued);
    }
}

TEST_CASE("the tasks of other pools that come back are not cancelled with those of one pool", "[mpi_cancellation]") {
    Busy hub;
    MpiPool& other = hub.add_pool({.max_workers = 1});
    hub.dispatcher.recall(*hub.pool.lanes[0]);
    hub.port->say(0, FrameType::skipped, hub.tasks[1].id);
    hub.receive();
    MpiCancellation::Revoked revoked;
    {
        HubTables::Lock lock(hub.tables.mutex);
        revoked = hub.cancellation.revoke_all_unstarted(lock, other, [&] { return hub.answer_recall(true); });
    }
    CHECK((revoked.queued.empty() && revoked.sent.empty()));
    CHECK((hub.tasks[1].stage == Stage::queued && other.cancelled == 0 && hub.pool.cancelled == 0));
}

TEST_CASE("a task that one thread cancels is left to that thread by one that cancels all", "[mpi_cancellation]") {
    Busy hub;
    const bool has_come_back = GENERATE(false, true);
    const bool first = hub.cancellation.revoke(hub.pool, hub.tasks[1], [&] {
        if (has_come_back) hub.port->say(0, FrameType::skipped, hub.tasks[1].id);
        if (has_come_back) hub.receive();
        MpiCancellation::Revoked revoked;
        {
            HubTables::Lock lock(hub.tables.mutex);
            revoked = hub.cancellation.revoke_all_unstarted(lock, hub.pool, [&] { return hub.answer_recall(has_come_back); });
        }
        hub.cancellation.end_revoked(std::move(revoked));
        return true;
    });
    CHECK((first && hub.tasks[1].end.empty() && hub.tasks[2].end == "cancelled" && hub.pool.cancelled == 2));
    hub.deliver();
    CHECK(hub.tasks[1].references == 0);
}

TEST_CASE("a request to stop a task that has ended, but is not told yet, is no error", "[mpi_cancellation]") {
    Busy hub;
    hub.answer(0, hub.tasks[0], 1);
    REQUIRE(hub.tasks[0].end.empty());
    CHECK(hub.cancellation.request_stop(hub.tasks[0]));
}

TEST_CASE("who waits for room at max_pending of an MPI pool is told when a task that waits is cancelled", "[mpi_cancellation]") {
    parts::Hub hub(1);
    MpiPool& pool = hub.add_pool({.max_workers = 1, .max_pending = 1});
    MpiCancellation cancellation{hub.tables, hub.dispatcher};
    parts::Task task;
    hub.submit(pool, task);
    std::thread cancels;
    {
        HubTables::Lock lock(hub.tables.mutex);
        cancels = std::thread([&] { cancellation.revoke(pool, task, [] { return false; }); });
        while (pool.is_full()) hub.tables.changed.wait(lock);
    }
    cancels.join();
    CHECK(cancellation.is_revoked(task));
}

TEST_CASE("a thread that cancels a task sleeps until the engine has received the rank's answer", "[mpi_cancellation]") {
    for (int round = 0; round < 100; ++round) {
        Busy hub;
        const bool has_started = round % 2 == 0;
        std::atomic<bool> has_asked{false};
        bool cancelled = false;
        std::thread cancels([&] {
            cancelled = hub.cancellation.revoke(hub.pool, hub.tasks[1], [&] {
                has_asked = true;
                return false;
            });
        });
        while (!has_asked) std::this_thread::yield();
        for (int pause = 0; pause < round; ++pause) std::this_thread::yield();  // it sleeps by then, or is about to
        {
            const std::lock_guard lock(hub.tables.mutex);
            hub.answer_recall(has_started);
        }
        cancels.join();
        CHECK(cancelled == !has_started);
    }
}

}  // namespace
