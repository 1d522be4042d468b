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
    int visited = 0;
    queue.for_each([&](const Task&) { ++visited; });
    CHECK(visited == 4);
    CHECK(queue.try_pop() == &high);
    CHECK(queue.try_pop() == &normal);
    CHECK(queue.try_pop() == &other_normal);
    CHECK(queue.try_pop() == &low);
    CHECK(queue.empty());
}

TEST_CASE("the newest of a priority can be taken back", "[priority_queue]") {
    Idle low, other_low, high;
    PriorityQueue queue;
    queue.push(low, Priority::low);
    queue.push(other_low, Priority::low);
    queue.push(high, Priority::high);
    queue.remove_newest(Priority::low);
    PriorityQueue moved(std::move(queue));
    CHECK(queue.empty());  // NOLINT: moved from on purpose
    CHECK(moved.try_pop() == &high);
    CHECK(moved.try_pop() == &low);
    CHECK(moved.try_pop() == nullptr);
}

}  // namespace
