// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/task/task_deque.hpp>

#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <deque>
#include <vector>

namespace {

using namespace concurrent::futures::detail;

struct Idle final : Task {
    TaskEnd run() noexcept override { return TaskEnd::completed; }
    TaskEnd abandon(const std::exception_ptr&) noexcept override { return TaskEnd::cancelled; }
    Standing standing() const noexcept override { return cancelled ? Standing::cancelled : Standing::waiting; }
    bool cancelled = false;
};

TEST_CASE("the oldest task leaves first, however many there are", "[task_deque]") {
    std::deque<Idle> tasks(10'000);
    TaskDeque deque;
    CHECK(deque.empty());
    CHECK(deque.try_pop_oldest() == nullptr);
    // Twice, and out of step with the ring.
    for (int round = 0; round < 2; ++round) {
        for (std::size_t n = 0; n < 100; ++n) deque.push(tasks[n]);
        for (std::size_t n = 0; n < 100; ++n) REQUIRE(deque.try_pop_oldest() == &tasks[n]);
        for (Idle& task : tasks) deque.push(task);
        CHECK(deque.size() == tasks.size());
        for (Idle& task : tasks) REQUIRE(deque.try_pop_oldest() == &task);
        CHECK(deque.empty());
    }
}

TEST_CASE("the places may wrap around", "[task_deque]") {
    std::deque<Idle> tasks(200);
    for (const std::size_t before : std::vector<std::size_t>{0, 1, 63, 64, 100}) {
        TaskDeque deque(0 - before);
        for (Idle& task : tasks) deque.push(task);  // grows before and after
        CHECK(deque.size() == tasks.size());
        CHECK(deque.try_remove(tasks[99]));
        CHECK(deque.try_remove(tasks[100]));
        CHECK_FALSE(deque.try_remove(tasks[100]));
        for (std::size_t n = 0; n < tasks.size(); ++n)
            if (n != 99 && n != 100) REQUIRE(deque.try_pop_oldest() == &tasks[n]);
        CHECK(deque.empty());
        CHECK(deque.try_pop_oldest() == nullptr);
    }
}

TEST_CASE("a task can be taken out wherever it is", "[task_deque]") {
    std::deque<Idle> tasks(6);
    TaskDeque deque;
    for (Idle& task : tasks) deque.push(task);
    CHECK(deque.try_remove(tasks[5]));
    CHECK(deque.try_remove(tasks[2]));
    CHECK(deque.try_remove(tasks[3]));
    CHECK_FALSE(deque.try_remove(tasks[3]));
    CHECK(deque.try_remove(tasks[0]));
    CHECK(deque.try_pop_oldest() == &tasks[1]);
    CHECK(deque.try_pop_oldest() == &tasks[4]);  // over the gap
    CHECK(deque.empty());
    deque.push(tasks[0]);
    CHECK(deque.try_remove(tasks[0]));
    CHECK(deque.empty());
}

TEST_CASE("a task of another queue is not taken for one of this one", "[task_deque]") {
    Idle here, there, linked, behind;
    TaskDeque deque, other;
    TaskQueue queue;
    deque.push(here);
    other.push(there);
    queue.push_back(linked);
    queue.push_back(behind);
    CHECK_FALSE(deque.try_remove(there));  // the same place there
    CHECK_FALSE(deque.try_remove(linked));
    CHECK_FALSE(deque.try_remove(behind));
    CHECK(deque.try_remove(here));
    CHECK(other.try_pop_oldest() == &there);
    CHECK(queue.try_pop() == &linked);
    CHECK(queue.try_pop() == &behind);
}

TEST_CASE("cancelled tasks are taken out beside places that are empty already, and from both ends", "[task_deque]") {
    std::deque<Idle> tasks(6);
    TaskDeque deque;
    for (Idle& task : tasks) deque.push(task);
    CHECK(deque.try_remove(tasks[2]));
    for (const std::size_t n : {std::size_t{0}, std::size_t{4}, std::size_t{5}}) tasks[n].cancelled = true;
    TaskQueue spent;
    deque.take_spent(deque.places(), spent);
    CHECK(spent.size() == 3);
    CHECK(deque.places().end - deque.places().first == 3);  // the first and the last place are those of tasks
    tasks[5].cancelled = false;
    while (spent.try_pop()) {
    }
    deque.push(tasks[5]);
    for (const std::size_t n : {std::size_t{1}, std::size_t{3}, std::size_t{5}}) CHECK(deque.try_pop_oldest() == &tasks[n]);
    CHECK(deque.empty());
}

TEST_CASE("cancelled tasks are taken out piece by piece while others come and go", "[task_deque]") {
    std::deque<Idle> tasks(200);
    for (std::size_t n = 0; n < 100; ++n) tasks[n].cancelled = n % 4 != 0;
    TaskDeque deque(0 - std::size_t{50});  // the places wrap around
    for (std::size_t n = 0; n < 100; ++n) deque.push(tasks[n]);
    const TaskDeque::Places places = deque.places();
    REQUIRE(places.end - places.first == 100);
    TaskQueue spent;
    deque.take_spent({places.first, places.first + 40}, spent);
    CHECK(spent.size() == 30);
    for (std::size_t n = 0; n <= 40; n += 4) CHECK(deque.try_pop_oldest() == &tasks[n]);
    CHECK(deque.try_pop_oldest() == &tasks[41]);  // cancelled, and not looked at yet
    deque.push(tasks[100]);
    deque.take_spent({places.first + 40, places.end}, spent);
    CHECK(spent.size() == 74);
    for (std::size_t n = 44; n <= 100; n += 4) CHECK(deque.try_pop_oldest() == &tasks[n]);
    CHECK(deque.empty());
    deque.take_spent(places, spent);  // all of them are gone
    CHECK(spent.size() == 74);
    while (spent.try_pop()) {
    }
}

}  // namespace
