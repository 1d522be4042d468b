// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^no memory when a task is given to a lane: the task fails, and the lane takes the next one$
//
// One allocation after the other fails while the engine of MPI pools gives a task to a lane. The test plays the rank.
#include <concurrent/futures/detail/mpi/lane_dispatcher.hpp>

#include <cstdio>
#include <new>
#include <string>
#include <utility>

#include "concurrent/futures/detail/mpi/hub_parts.hpp"
#include "support/counted_new.hpp"

namespace {

using namespace concurrent::futures::detail;
using concurrent::futures::Encoder;
using Stage = RemoteTask::Stage;

enum class Given { yes, no, wrong };

Given give(long allocations) {
    parts::Hub hub(1);
    MpiPool& pool = hub.add_pool({.max_workers = 1});
    const RootLane& lane = *pool.lanes[0];
    parts::Task first;  // with it the lane gets to know the pool
    hub.submit(pool, first);
    hub.hand_out();
    hub.answer(0, first, 1);
    hub.deliver();
    Encoder arguments;
    arguments.encode(std::string(bulk_from, 'x'));  // not copied into the batch, which takes memory of malloc()
    parts::Task task(std::move(arguments).take());
    hub.submit(pool, task);
    support::allocations_left = allocations;
    try {
        hub.dispatcher.dispatch();
    } catch (const std::bad_alloc&) {  // the test's port, which sends what was given
    }
    support::allocations_left = support::any_number;
    if (task.stage == Stage::sent) return lane.is_running(task) ? Given::yes : Given::wrong;
    if (task.stage != Stage::ended || !lane.is_idle() || pool.in_flight != 0 || hub.tables.awaited != 0) return Given::wrong;
    hub.deliver();
    if (task.end != "exception" || task.references != 0) return Given::wrong;
    parts::Task next;
    hub.submit(pool, next);
    hub.hand_out();
    return lane.is_running(next) ? Given::no : Given::wrong;
}

}  // namespace

int main() {
    long allocations = 0;
    Given given = Given::no;
    while ((given = give(allocations)) == Given::no) ++allocations;
    if (given == Given::wrong || allocations == 0) {
        std::printf("after %ld allocations: wrong\n", allocations);
        return 1;
    }
    std::printf("no memory when a task is given to a lane: the task fails, and the lane takes the next one\n");
}
