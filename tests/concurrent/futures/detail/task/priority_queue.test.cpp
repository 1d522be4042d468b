// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/task/priority_queue.hpp>

#include <catch2/catch_test_macros.hpp>
#include <utility>
#include <vector>

namespace {

using namespace concurrent::futures;
using namespace concurrent::futures::detail;

struct Idle final : Task {
    TaskEnd run() noexcept override { return TaskEnd::completed; }
    TaskEnd abandon(const std::exception_ptr&) noexcept override { return TaskEnd::cancelled; }
    Standing standing() const noexcept override { return Standing::waiting; }
};

TEST_CASE("higher priorities leave first, equal ones in order", "[priority_queue]") {
    Idle low, normal, other_normal, high;
    PriorityQueue queue;
    CHECK(queue.empty());
    CHECK(queue.try_pop() == nullptr);
    queue.push(low, Priority::low);
    queue.push(normal, Priority::normal);
    queue.push(high, Priority::high);
    queue.push(other_normal, Priority::normal);
    CHECK(queue.size() == 4);
    CHECK(queue.try_pop() == &high);
    CHECK(queue.try_pop() == &normal);
    CHECK(queue.try_pop() == &other_normal);
    CHECK(queue.try_pop() == &low);
    CHECK(queue.empty());
}

TEST_CASE("one task of a priority can be taken back", "[priority_queue]") {
    Idle low, other_low, high;
    PriorityQueue queue;
    queue.push(low, Priority::low);
    queue.push(other_low, Priority::low);
    queue.push(high, Priority::high);
    CHECK_FALSE(queue.remove(other_low, Priority::high));
    CHECK(queue.remove(other_low, Priority::low));
    CHECK(queue.highest() == 2);
    PriorityQueue moved(std::move(queue));
    CHECK(queue.empty());  // NOLINT: moved from on purpose
    CHECK(moved.try_pop() == &high);
    CHECK(moved.highest() == 0);
    CHECK(moved.try_pop() == &low);
    CHECK(moved.try_pop() == nullptr);
    CHECK(moved.highest() == -1);
}

TEST_CASE("others come behind those of their own priority", "[priority_queue]") {
    Idle low, high, other_low, other_high, normal;
    PriorityQueue queue, others;
    queue.push(low, Priority::low);
    queue.push(high, Priority::high);
    others.push(other_low, Priority::low);
    others.push(normal, Priority::normal);
    others.push(other_high, Priority::high);
    queue.append(std::move(others));
    for (const Task* const next : {&high, &other_high, &normal, &low, &other_low})
        CHECK(queue.try_pop() == next);
    CHECK(queue.empty());
}

TEST_CASE("a queue with a task of any priority is not empty", "[priority_queue]") {
    for (const Priority priority : {Priority::low, Priority::normal, Priority::high}) {
        Idle task;
        PriorityQueue queue;
        queue.push(task, priority);
        CHECK_FALSE(queue.empty());
        CHECK(queue.try_pop() == &task);
        CHECK(queue.empty());
    }
}

}  // namespace
