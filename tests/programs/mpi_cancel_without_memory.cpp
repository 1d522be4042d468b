// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^no memory to cancel all tasks of an MPI pool: none is lost, and the next call cancels them$
//
// One allocation after the other fails while all tasks of an MPI pool that have not started are cancelled. One task runs on a
// rank, which the test plays, one is behind it, and one waits in the queue.
#include <concurrent/futures/detail/mpi/mpi_cancellation.hpp>

#include <array>
#include <cstdio>
#include <new>
#include <utility>

#include "concurrent/futures/detail/mpi/hub_parts.hpp"
#include "support/counted_new.hpp"

namespace {

using namespace concurrent::futures::detail;
using Stage = RemoteTask::Stage;

enum class Cancelled { yes, no, wrong };

Cancelled cancel(long allocations) {
    parts::Hub hub(1);
    MpiPool& pool = hub.add_pool({.max_workers = 1});
    MpiCancellation cancellation{hub.tables, hub.dispatcher};
    std::array<parts::Task, 3> tasks;
    for (parts::Task& task : tasks) {
        hub.submit(pool, task);
        if (&task != &tasks[2]) hub.hand_out();
        pool.lanes[0]->pace.note_end(1000);
    }
    const auto cancel_all = [&] {
        MpiCancellation::Revoked revoked;
        {
            HubTables::Lock lock(hub.tables.mutex);
            revoked = cancellation.revoke_all_unstarted(lock, pool, [&] {
                support::allocations_left = support::any_number;
                hub.port->say(0, FrameType::skipped, tasks[1].id);
                hub.port->say(0, FrameType::recalled, 0);
                hub.receive();
                return true;
            });
        }
        cancellation.end_revoked(std::move(revoked));
    };
    bool had_memory = true;
    support::allocations_left = allocations;
    try {
        cancel_all();
    } catch (const std::bad_alloc&) {
        had_memory = false;
    }
    support::allocations_left = support::any_number;
    if (!had_memory) {
        if (tasks[1].stage != Stage::sent || tasks[2].stage != Stage::queued || tasks[1].wanted_back || pool.cancelled != 0)
            return Cancelled::wrong;
        pool.lanes[0]->recalling = false;  // the rank would answer; here the next call asks again
        cancel_all();
    }
    const bool all = tasks[1].end == "cancelled" && tasks[2].end == "cancelled" && tasks[0].end.empty() && pool.cancelled == 2;
    return !all ? Cancelled::wrong : had_memory ? Cancelled::yes : Cancelled::no;
}

}  // namespace

int main() {
    long allocations = 0;
    Cancelled cancelled = Cancelled::no;
    while ((cancelled = cancel(allocations)) == Cancelled::no) ++allocations;
    if (cancelled == Cancelled::wrong || allocations == 0) {
        std::printf("after %ld allocations: wrong\n", allocations);
        return 1;
    }
    std::printf("no memory to cancel all tasks of an MPI pool: none is lost, and the next call cancels them\n");
}
