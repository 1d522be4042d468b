// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/processes/tasks_in_flight.hpp>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <memory>

#include "concurrent/futures/detail/processes/recorded_task.hpp"

namespace {

using namespace concurrent::futures::detail;

struct Worker {
    void give(RemoteTask& task) {
        const std::size_t slot = tasks.free_slot();
        tasks.put(task, slot);
        task.slot = static_cast<std::uint8_t>(slot);
        page->put(slot, task.id);
    }
    TasksInFlight tasks;
    std::unique_ptr<ControlPage> page = std::make_unique<ControlPage>();
};

TEST_CASE("a worker has each task that it was given in a slot of its own, until the task is taken from it", "[tasks_in_flight]") {
    Worker worker;
    std::array<recorded::Task, 3> tasks;
    for (std::size_t i = 0; i < tasks.size(); ++i) {
        tasks[i].id = 10 + i;
        worker.give(tasks[i]);
    }
    CHECK((worker.tasks.in_flight() == 3 && worker.tasks.wanted() == 3 && worker.tasks.given() == 3));
    for (recorded::Task& task : tasks) {
        CHECK(worker.tasks.find(task.slot, task.id) != nullptr);
        CHECK(worker.tasks.find(task.slot, task.id + 100) == nullptr);
    }
    CHECK(worker.tasks.find(ControlPage::slot_count, 10) == nullptr);
    CHECK(worker.tasks.take(*worker.tasks.find(tasks[1].slot, 11)) == &tasks[1]);
    CHECK(worker.tasks.find(tasks[1].slot, 11) == nullptr);
    CHECK((worker.tasks.in_flight() == 2 && worker.tasks.given() == 3));
}

TEST_CASE("a task that has not started can be revoked once, and one that has started cannot", "[tasks_in_flight]") {
    Worker worker;
    std::array<recorded::Task, 2> tasks;
    for (std::size_t i = 0; i < tasks.size(); ++i) {
        tasks[i].id = 10 + i;
        worker.give(tasks[i]);
    }
    REQUIRE(worker.page->start(tasks[0].slot, tasks[0].id));
    CHECK(!worker.tasks.try_revoke(tasks[0], *worker.page));
    CHECK(worker.tasks.try_revoke(tasks[1], *worker.page));
    CHECK(!worker.tasks.try_revoke(tasks[1], *worker.page));
    CHECK(!worker.page->start(tasks[1].slot, tasks[1].id));
    CHECK((worker.tasks.in_flight() == 2 && worker.tasks.wanted() == 1 && worker.tasks.given() == 1));
    CHECK(worker.tasks.take(*worker.tasks.find(tasks[1].slot, tasks[1].id)) == &tasks[1]);
    CHECK((worker.tasks.in_flight() == 1 && worker.tasks.wanted() == 1));
}

TEST_CASE("a worker counts the tasks that may have to be ended", "[tasks_in_flight]") {
    Worker worker;
    recorded::Task limited, free;
    limited.id = 1;
    limited.limits.timeout = 1000;
    free.id = 2;
    worker.give(limited);
    worker.give(free);
    CHECK(worker.tasks.limited() == 1);
    InFlight& entry = *worker.tasks.find(free.slot, free.id);
    worker.tasks.limit(entry);
    worker.tasks.limit(entry);
    CHECK(worker.tasks.limited() == 2);
    worker.tasks.take(entry);
    CHECK(worker.tasks.limited() == 1);
}

TEST_CASE("a slot that was freed is used again when all others have had a task", "[tasks_in_flight]") {
    Worker worker;
    std::array<recorded::Task, ControlPage::slot_count> tasks;
    for (recorded::Task& task : tasks) worker.give(task);
    worker.tasks.take(worker.tasks.table()[3]);
    CHECK(worker.tasks.free_slot() == 3);
    recorded::Task last;
    last.id = 9;
    worker.give(last);
    CHECK((last.slot == 3 && worker.tasks.in_flight() == ControlPage::slot_count));
}

}  // namespace
