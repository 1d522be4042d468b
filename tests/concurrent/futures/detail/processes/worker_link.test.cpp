// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/processes/worker_link.hpp>

#include <array>
#include <catch2/catch_test_macros.hpp>

#include "concurrent/futures/detail/processes/pool_parts.hpp"

namespace {

using namespace concurrent::futures::detail;

TEST_CASE("a worker has each task that it was given in a slot of its own, until the task is taken from it", "[worker_link]") {
    WorkerLink::Ends ends;
    WorkerLink worker(1, nullptr, ends);
    std::array<recorded::Task, 3> tasks;
    for (std::size_t i = 0; i < tasks.size(); ++i) {
        tasks[i].id = 10 + i;
        worker.give(tasks[i]);
    }
    CHECK((worker.in_flight() == 3 && worker.wanted() == 3 && worker.given() == 3));
    for (recorded::Task& task : tasks) {
        CHECK((task.stage == RemoteTask::Stage::sent && task.worker == &worker));
        CHECK(worker.page().state(task.slot, task.id) == SlotState::sent);
        CHECK(worker.find(task.slot, task.id) != nullptr);
        CHECK(worker.find(task.slot, task.id + 100) == nullptr);
    }
    CHECK(worker.find(ControlPage::slot_count, 10) == nullptr);
    CHECK(worker.take(*worker.find(tasks[1].slot, 11)) == &tasks[1]);
    CHECK(worker.find(tasks[1].slot, 11) == nullptr);
    CHECK((worker.in_flight() == 2 && worker.given() == 3));
}

TEST_CASE("a task that has not started can be revoked once, and one that has started cannot", "[worker_link]") {
    WorkerLink::Ends ends;
    WorkerLink worker(1, nullptr, ends);
    std::array<recorded::Task, 2> tasks;
    for (std::size_t i = 0; i < tasks.size(); ++i) {
        tasks[i].id = 10 + i;
        worker.give(tasks[i]);
    }
    REQUIRE(worker.page().start(tasks[0].slot, tasks[0].id));
    CHECK(!worker.try_revoke(tasks[0]));
    CHECK(worker.try_revoke(tasks[1]));
    CHECK(!worker.try_revoke(tasks[1]));
    CHECK(!worker.page().start(tasks[1].slot, tasks[1].id));
    CHECK((worker.in_flight() == 2 && worker.wanted() == 1 && worker.given() == 1));
    CHECK(worker.take(*worker.find(tasks[1].slot, tasks[1].id)) == &tasks[1]);
    CHECK((worker.in_flight() == 1 && worker.wanted() == 1));
}

TEST_CASE("a worker counts the tasks that may have to be ended", "[worker_link]") {
    WorkerLink::Ends ends;
    WorkerLink worker(1, nullptr, ends);
    recorded::Task limited, free;
    limited.id = 1;
    limited.limits.timeout = 1000;
    free.id = 2;
    worker.give(limited);
    worker.give(free);
    CHECK(worker.limited() == 1);
    WorkerLink::InFlight& entry = *worker.find(free.slot, free.id);
    worker.limit(entry);
    worker.limit(entry);
    CHECK(worker.limited() == 2);
    worker.take(entry);
    CHECK(worker.limited() == 1);
}

}  // namespace
