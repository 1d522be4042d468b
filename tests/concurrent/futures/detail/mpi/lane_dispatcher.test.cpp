// SPDX-License-Identifier: MIT
//
// Which task goes to which lane, and when tasks are asked back.
#include <concurrent/futures/detail/mpi/lane_dispatcher.hpp>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/mpi/hub_parts.hpp"

namespace {

using namespace concurrent::futures::detail;
using parts::types_of;
using Types = std::vector<FrameType>;

/// One rank, whose pace is known: it is given two tasks that take 1 s.
struct SlowRank : parts::Hub {
    explicit SlowRank(std::size_t ranks = 1) : parts::Hub(ranks), pool(add_pool({.max_workers = ranks})) {
        pool.lanes[0]->pace.note_end(1e9);
    }
    /// The first two tasks go to the first lane, as if the second one had been busy when they were given.
    RootLane& load_first_lane() {
        submit(pool, tasks[0]);
        submit(pool, tasks[1]);
        hand_out();
        RootLane& first = *pool.lanes[0];
        RootLane& other = *pool.lanes[1];
        while (!other.in_flight.empty()) {
            first.in_flight.push_back(other.in_flight.front());
            other.in_flight.pop_front();
        }
        return first;
    }
    MpiPool& pool;
    std::array<parts::Task, 4> tasks;
};

TEST_CASE("a lane gets to know a pool before its first task, and a task its id", "[lane_dispatcher]") {
    parts::Hub hub(1);
    MpiPool& pool = hub.add_pool({.max_workers = 1});
    parts::Task task;
    hub.submit(pool, task);
    hub.hand_out();
    const auto sent = hub.port->sent(0);
    REQUIRE(types_of(sent) == Types{FrameType::configure, FrameType::task});
    CHECK((sent[1].task == task.id && task.id != 0));
    CHECK((task.stage == RemoteTask::Stage::sent && task.lane == pool.lanes[0]));
    CHECK((pool.in_flight == 1 && hub.tables.awaited == 1));
    hub.answer(0, task, 1);
    parts::Task next;
    hub.submit(pool, next);
    hub.hand_out();
    CHECK(types_of(hub.port->sent(0)) == Types{FrameType::task});
    CHECK(next.id != task.id);
}

TEST_CASE("tasks go to all lanes that are idle before one gets a second", "[lane_dispatcher]") {
    parts::Hub hub(2);
    MpiPool& pool = hub.add_pool();
    std::array<parts::Task, 2> tasks, first;
    for (parts::Task& task : first) {
        hub.submit(pool, task);
        hub.hand_out();
    }
    for (parts::Task& task : first) hub.answer(task.lane->peer.place, task, 1);
    REQUIRE(pool.lanes[0]->pace.window() > 1);
    for (parts::Task& task : tasks) hub.submit(pool, task);
    hub.hand_out();
    CHECK(tasks[0].lane != tasks[1].lane);
}

TEST_CASE("of long tasks a lane gets two, and the next one when one has ended", "[lane_dispatcher]") {
    SlowRank hub;
    for (parts::Task& task : hub.tasks) hub.submit(hub.pool, task);
    hub.hand_out();
    CHECK(hub.pool.in_flight == 1);         // how long other pools' tasks take says nothing of these
    hub.pool.lanes[0]->pace.note_end(1e9);  // as if one had ended
    hub.hand_out();
    CHECK(hub.pool.in_flight == 2);
    hub.answer(0, hub.tasks[0], 1);
    hub.hand_out();
    CHECK((hub.pool.in_flight == 2 && hub.pool.queue.waiting() == 1));
}

TEST_CASE("a lane gets one task of a pool that is new to it, however short those of other pools are", "[lane_dispatcher]") {
    parts::Hub hub(2);
    MpiPool& pool = hub.add_pool();
    for (RootLane* const lane : pool.lanes) lane->pace.note_end(1000);
    std::array<parts::Task, 4> tasks;
    for (parts::Task& task : tasks) hub.submit(pool, task);
    hub.hand_out();
    CHECK((pool.in_flight == 2 && tasks[0].lane != tasks[1].lane));
}

TEST_CASE("the engine does not sleep over tasks that a later step hands out", "[lane_dispatcher]") {
    SlowRank hub(2);
    const std::int64_t now = monotonic_nanoseconds();
    hub.submit(hub.pool, hub.tasks[0]);
    REQUIRE(hub.dispatcher.hand_out(now));
    CHECK(!hub.dispatcher.holds_back());
    CHECK(!hub.dispatcher.hand_out(now + 1));  // so soon nothing goes out
    CHECK(!hub.dispatcher.holds_back());       // and nothing would
    hub.submit(hub.pool, hub.tasks[1]);
    CHECK(!hub.dispatcher.hand_out(now + 2));
    CHECK(hub.dispatcher.holds_back());
    CHECK(hub.dispatcher.hand_out(now + 1'000'000'000));
    CHECK((hub.tasks[1].stage == RemoteTask::Stage::sent && !hub.dispatcher.holds_back()));
    // What no lane takes waits for a message.
    hub.submit(hub.pool, hub.tasks[2]);
    hub.dispatcher.hand_out(now + 3'000'000'000);
    CHECK((hub.tasks[2].stage == RemoteTask::Stage::queued && !hub.dispatcher.holds_back()));
}

TEST_CASE("a pool that is broken gets nothing sent", "[lane_dispatcher]") {
    SlowRank hub;
    hub.pool.broken = "why";
    hub.submit(hub.pool, hub.tasks[0]);
    CHECK(!hub.dispatcher.dispatch());
}

TEST_CASE("nothing is asked back from a lane with one task, or while no other lane is idle", "[lane_dispatcher]") {
    SlowRank hub(2);
    hub.submit(hub.pool, hub.tasks[0]);
    hub.hand_out();
    CHECK(hub.dispatcher.next_recall().is_never());
    for (std::size_t i = 1; i < 4; ++i) hub.submit(hub.pool, hub.tasks[i]);
    hub.hand_out();
    for (RootLane* const lane : hub.pool.lanes) lane->pace.note_end(1e9);
    hub.hand_out();
    REQUIRE(hub.pool.in_flight == 4);
    CHECK(hub.dispatcher.next_recall().is_never());
}

TEST_CASE("a task behind one of another pool that does not get on is asked back, too", "[lane_dispatcher]") {
    SlowRank hub(2);
    MpiPool& other = hub.add_pool();
    RootLane& slow = *hub.pool.lanes[0];
    for (std::size_t i : {0u, 1u}) hub.submit(hub.pool, hub.tasks[i]);
    hub.hand_out();
    REQUIRE(hub.pool.in_flight == 2);
    for (RootLane* const lane : hub.pool.lanes) lane->pace.note_end(1e6);
    for (std::size_t i : {2u, 3u}) hub.submit(other, hub.tasks[i]);
    hub.hand_out();
    REQUIRE(slow.in_flight.size() == 2);
    // The other lane has done all it had.
    parts::Task* const running = slow.is_running(hub.tasks[0]) ? &hub.tasks[1] : &hub.tasks[0];
    const std::size_t place = running->lane->peer.place;
    parts::Task* const behind = hub.tasks[2].lane == running->lane ? &hub.tasks[2] : &hub.tasks[3];
    hub.answer(place, *running, 1);
    hub.answer(place, *behind, 1);
    CHECK((other.in_flight == 1 && hub.pool.in_flight == 1));
    CHECK(!hub.dispatcher.next_recall().is_never());
    slow.last_news -= 1'000'000'000;
    hub.dispatcher.recall_stuck();
    CHECK(slow.recalling);
}

TEST_CASE("tasks behind one that does not get on are asked back when another lane is idle", "[lane_dispatcher]") {
    SlowRank hub(2);
    RootLane& slow = hub.load_first_lane();
    static_cast<void>(hub.port->sent(0));
    slow.last_news = monotonic_nanoseconds();
    slow.pace.forget();
    slow.last_news += 1'000'000'000'000;  // as if no time passed
    hub.dispatcher.recall_stuck();
    CHECK(!slow.recalling);  // it gets on, as far as is known
    REQUIRE(!hub.dispatcher.next_recall().is_never());
    CHECK(!hub.dispatcher.next_recall().passed());
    slow.last_news -= 1'000'001'000'000;
    CHECK(hub.dispatcher.next_recall().passed());
    hub.dispatcher.recall_stuck();
    CHECK(slow.recalling);
    CHECK(hub.dispatcher.next_recall().is_never());
    CHECK(types_of(hub.port->sent(0)) == Types{FrameType::recall});
    hub.dispatcher.recall_stuck();
    CHECK(hub.port->sent(0).empty());  // once
}

TEST_CASE("nothing is asked back while tasks wait that an idle lane can take", "[lane_dispatcher]") {
    SlowRank hub(2);
    hub.load_first_lane();
    REQUIRE(!hub.dispatcher.next_recall().is_never());
    hub.submit(hub.pool, hub.tasks[2]);
    hub.dispatcher.collect();
    CHECK(hub.dispatcher.next_recall().is_never());
}

TEST_CASE("where no message has to be looked for, a lane gets no task in advance", "[lane_dispatcher]") {
    parts::Hub hub(1, false);
    MpiPool& pool = hub.add_pool({.max_workers = 1});
    std::array<parts::Task, 2> tasks;
    for (parts::Task& task : tasks) hub.submit(pool, task);
    hub.hand_out();
    CHECK((pool.in_flight == 1 && tasks[1].stage == RemoteTask::Stage::queued));
}

TEST_CASE("tasks go out at once while a thread waits, or while nothing else is to come back", "[lane_dispatcher]") {
    SlowRank hub(2);
    const std::int64_t now = monotonic_nanoseconds();
    hub.submit(hub.pool, hub.tasks[0]);
    REQUIRE(hub.dispatcher.hand_out(now));
    hub.submit(hub.pool, hub.tasks[1]);
    hub.tables.sleep.begin_watch();
    CHECK(hub.dispatcher.hand_out(now + 1));
    hub.tables.sleep.end_watch();
    hub.tables.peers.ship_all();
    for (std::size_t i : {0u, 1u}) hub.answer(hub.tasks[i].lane->peer.place, hub.tasks[i], 1);
    REQUIRE(hub.tables.awaited == 0);
    hub.submit(hub.pool, hub.tasks[2]);
    CHECK((hub.dispatcher.hand_out(now + 2) && !hub.dispatcher.holds_back()));
}

TEST_CASE("a lane gets no task while others come back from it", "[lane_dispatcher]") {
    SlowRank hub;
    hub.submit(hub.pool, hub.tasks[0]);
    hub.hand_out();
    hub.pool.lanes[0]->pace.note_end(1e6);
    hub.dispatcher.recall(*hub.pool.lanes[0]);
    CHECK(hub.tables.awaited == 2);  // the task, and the end of the recall
    hub.submit(hub.pool, hub.tasks[1]);
    hub.hand_out();
    CHECK(hub.tasks[1].stage == RemoteTask::Stage::queued);
    hub.answer(0, hub.tasks[0], 1);
    hub.hand_out();
    CHECK(hub.tasks[1].stage == RemoteTask::Stage::queued);  // though the lane is idle
    hub.port->say(0, FrameType::recalled, 0);
    hub.receive();
    hub.hand_out();
    CHECK(hub.tasks[1].stage == RemoteTask::Stage::sent);
}

TEST_CASE("a lane that is given a task behind another one has not got on for that", "[lane_dispatcher]") {
    SlowRank hub;
    hub.submit(hub.pool, hub.tasks[0]);
    hub.hand_out();
    RootLane& lane = *hub.pool.lanes[0];
    CHECK(lane.last_news != 0);
    lane.last_news = 5;
    lane.pace.note_end(1e6);
    hub.submit(hub.pool, hub.tasks[1]);
    hub.hand_out();
    REQUIRE(lane.in_flight.size() == 2);
    CHECK(lane.last_news == 5);
}

TEST_CASE("who waits for room in an MPI pool is told when a task is handed out, and when the pool breaks", "[lane_dispatcher]") {
    for (const bool breaks : {false, true}) {
        parts::Hub hub(1);
        MpiPool& pool = hub.add_pool({.max_workers = 1, .max_pending = 1});
        parts::Task task;
        hub.submit(pool, task);
        parts::RoomWaiter waiter(hub.tables, pool);
        {
            const std::lock_guard lock(hub.tables.mutex);
            breaks ? hub.tables.break_pool(pool, "no licence") : hub.hand_out();
        }
        waiter.join();
        CHECK(task.stage == (breaks ? RemoteTask::Stage::ended : RemoteTask::Stage::sent));
        hub.deliver();
    }
}

TEST_CASE("a large task goes out at once", "[lane_dispatcher]") {
    parts::Hub hub(1);
    MpiPool& pool = hub.add_pool({.max_workers = 1});
    ByteBuffer call;
    call.extend(bulk_from);
    parts::Task task(std::move(call));
    hub.submit(pool, task);
    hub.dispatcher.dispatch();
    CHECK(types_of(hub.port->sent(0)) == Types{FrameType::configure, FrameType::task});
}

TEST_CASE("the lane that has not got on for longest decides when the next recall is due", "[lane_dispatcher]") {
    SlowRank hub(3);
    for (const std::size_t longest : {0u, 1u}) {
        for (std::size_t i : {0u, 1u}) {
            RootLane& lane = *hub.pool.lanes[i];
            lane.in_flight.assign(2, {&hub.tasks[i], &hub.pool});
            lane.last_news = monotonic_nanoseconds() + (i == longest ? -3600'000'000'000 : 3600'000'000'000);
        }
        hub.pool.in_flight = hub.tables.awaited = 4;
        CHECK(hub.dispatcher.next_recall().passed());
    }
}

}  // namespace
