// SPDX-License-Identifier: MIT
//
// The workers of a process pool as a list: who is in it, and who may be destroyed. The workers are no processes.
#include <concurrent/futures/detail/processes/worker_set.hpp>

#include <catch2/catch_test_macros.hpp>

#include "concurrent/futures/detail/processes/pool_parts.hpp"

namespace {

using namespace concurrent::futures::detail;

TEST_CASE("a worker that is removed is destroyed when no thread looks at it any more", "[worker_set]") {
    parts::Pool pool;
    WorkerSet& workers = pool.tables.workers;
    WorkerLink& watched = pool.add_worker();
    WorkerLink& other = pool.add_worker();
    CHECK(workers.size() == 2);
    for (WorkerLink* const link : {&watched, &other}) {
        link->life.note_reaped({});
        workers.remove(*link);
    }
    CHECK(workers.empty());
    watched.watchers = 1;
    CHECK(workers.take_removed().size() == 1);
    CHECK(workers.has_removed());
    watched.watchers = 0;
    CHECK(workers.take_removed().size() == 1);
    CHECK(!workers.has_removed());
}

TEST_CASE("a worker that was reaped is not asked for its end again", "[worker_set]") {
    parts::Pool pool;
    WorkerLink& worker = pool.add_worker();
    worker.life.note_reaped({.exit_code = 3});
    pool.tables.workers.note_exit(worker);
    CHECK(worker.life.is_reaped());
}

}  // namespace
